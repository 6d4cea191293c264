#!/usr/bin/env python3
"""Builds data/vendors/ouis.csv and others.csv from the IEEE list that the npm package `oui-data` brings. Run by `make data`.

ouis.csv has the makers of cameras: the names in its column `vendor` are judged by hand and kept; every further prefix of a
registrant that is listed there, or named in CAMERAS below, is added. others.csv has makers of what is no camera, by kind.
"""
import csv, hashlib, json, pathlib, re, subprocess, tarfile, tempfile

OUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "vendors"
PACKAGE = "oui-data"
# Registrant (a pattern of the whole name), vendor, country, what it sells under its prefixes.
CAMERAS = [
    (r"Hangzhou Hikvision .*", "hikvision", "CN", "camera"), (r"Hangzhou Ezviz .*", "hikvision", "CN", "camera"),
    (r"Zhejiang Dahua .*", "dahua", "CN", "camera"), (r"Axis Communications.*", "axis", "SE", "camera"),
    (r"Hanwha (Vision|Techwin).*", "hanwha", "KR", "camera"), (r"Zhejiang Uniview .*", "uniview", "CN", "camera"),
    (r"Tiandy Technologies.*", "tiandy", "CN", "camera"), (r"ACTi Corporation", "acti", "TW", "camera"),
    (r"Reolink Innovation .*", "reolink", "CN", "camera"), (r"Amcrest Technologies", "amcrest", "US", "camera"),
    (r"Ring LLC", "ring", "US", "camera"), (r"Wyze Labs.*", "wyze", "US", "camera"), (r"Verkada Inc", "verkada", "US", "camera"),
    (r"Avigilon .*", "avigilon", "CA", "camera"), (r"Mobotix AG", "mobotix", "DE", "camera"),
    (r"Foscam .*|Shenzhen Foscam .*", "foscam", "CN", "camera"), (r"AVA Monitoring AB", "ava", "SE", "camera"),
]
# Kind, short name, registrant. Makers that sell cameras too (Sony, Huawei, Bosch, Ubiquiti, Google, Amazon, Canon, Samsung)
# are left out: their prefix tells nothing.
OTHERS = [
    ("computer", "intel", r"Intel Corporate"), ("computer", "dell", r"Dell Inc\.?"), ("computer", "hp", r"HP Inc\.|Hewlett Packard"),
    ("computer", "hpe", r"Hewlett Packard Enterprise.*"), ("computer", "apple", r"Apple, Inc\."),
    ("computer", "microsoft", r"Microsoft Corporation"), ("computer", "asus", r"ASUSTek COMPUTER INC\."),
    ("computer", "lenovo", r"Lenovo.*|LCFC.*Electronics Technology.*"), ("computer", "vmware", r"VMware, Inc\."),
    ("computer", "giga-byte", r"GIGA-BYTE TECHNOLOGY.*"), ("computer", "msi", r"Micro-Star INT.*"),
    ("computer", "super-micro", r"Super Micro Computer.*"), ("computer", "fujitsu", r"FUJITSU (LIMITED|CLIENT COMPUTING.*)"),
    ("computer", "synology", r"Synology Incorporated"), ("computer", "liteon", r"Liteon Technology Corporation"),
    ("phone", "motorola", r"Motorola Mobility LLC.*"), ("phone", "oppo", r"GUANGDONG OPPO MOBILE.*"),
    ("phone", "vivo", r"vivo Mobile Communication.*"), ("phone", "oneplus", r"OnePlus .*"), ("phone", "htc", r"HTC Corporation"),
    ("phone", "polycom", r"Polycom"), ("phone", "yealink", r"YEALINK.*"), ("phone", "snom", r"snom technology.*"),
    ("phone", "avaya", r"Avaya Inc"), ("phone", "mitel", r"Mitel Networks.*|MITEL CORPORATION"),
    ("printer", "brother", r"Brother industries.*"), ("printer", "epson", r"Seiko Epson Corporation"),
    ("printer", "kyocera", r"KYOCERA Document Solutions.*|KYOCERA Display.*"), ("printer", "lexmark", r"LEXMARK.*"),
    ("printer", "ricoh", r"RICOH COMPANY.*"), ("printer", "xerox", r"XEROX CORPORATION"), ("printer", "konica", r"KONICA MINOLTA.*"),
    ("printer", "zebra", r"Zebra Technologies.*"),
    ("network", "cisco", r"Cisco Systems, Inc"), ("network", "juniper", r"Juniper Networks"), ("network", "aruba", r"Aruba.*Hewlett.*"),
    ("network", "arista", r"Arista Networks.*"), ("network", "extreme", r"Extreme Networks.*"), ("network", "ruckus", r"Ruckus Wireless"),
    ("network", "fortinet", r"Fortinet.*"), ("network", "palo-alto", r"Palo Alto Networks"), ("network", "mikrotik", r"Routerboard\.com"),
    ("network", "zyxel", r"Zyxel Communications.*"), ("network", "sagemcom", r"Sagemcom Broadband.*"), ("network", "avm", r"AVM .*"),
    ("network", "draytek", r"DrayTek Corp\."), ("network", "allied-telesis", r"Allied Telesis.*"), ("network", "eero", r"eero inc\."),
]


def registrant(entry):
    return " ".join(entry.split("\n")[0].split())


def main():
    with tempfile.TemporaryDirectory() as scratch:
        packed = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=scratch, check=True, capture_output=True,
                                text=True).stdout.strip().splitlines()[-1]
        with tarfile.open(pathlib.Path(scratch) / packed) as archive:
            archive.extractall(scratch)
        folder = pathlib.Path(scratch) / "package"
        package = json.loads((folder / "package.json").read_text())
        data = (folder / "index.json").read_bytes()
    published = json.loads(subprocess.run(["npm", "view", PACKAGE, "time", "--json"], check=True, capture_output=True,
                                          text=True).stdout)[package["version"]][:10]
    ieee = {prefix.lower(): registrant(entry) for prefix, entry in json.loads(data).items()}

    path = OUT / "ouis.csv"
    with open(path, newline="") as file:
        rows = {row["prefix"]: row for row in csv.DictReader(file)}
    judged = {row["registrant"].lower(): row for row in rows.values()}
    for prefix, name in ieee.items():
        if prefix in rows:
            continue
        row = judged.get(name.lower())
        found = next((c for c in CAMERAS if re.fullmatch(c[0], name, re.IGNORECASE)), None)
        if row:
            rows[prefix] = {**row, "prefix": prefix, "registrant": name}
        elif found:
            rows[prefix] = {"prefix": prefix, "registrant": name, "vendor": found[1], "hq_country": found[2], "devices": found[3]}
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["prefix", "registrant", "vendor", "hq_country", "devices"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows.values(), key=lambda row: (row["vendor"], row["registrant"].lower(), row["prefix"])))

    others = {}
    for prefix, name in ieee.items():
        for kind, short, pattern in OTHERS:
            if re.fullmatch(pattern, name, re.IGNORECASE):
                others.setdefault((kind, short), []).append(prefix)
                break
    with open(OUT / "others.csv", "w") as file:
        file.write("kind,maker,prefixes\n")
        for (kind, short), prefixes in sorted(others.items()):
            file.write(f"{kind},{short},{' '.join(sorted(prefixes))}\n")
    (OUT / "sources.json").write_text(json.dumps({
        "name": "IEEE MA-L, MA-M and MA-S registries", "package": PACKAGE, "version": package["version"],
        "date": published, "licence": package["license"], "sha256": hashlib.sha256(data).hexdigest(),
        "cameras": len(rows), "others": sum(map(len, others.values())),
    }, indent=2) + "\n")


main()
