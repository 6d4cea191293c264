//! RTSP (RFC 2326) and SDP (RFC 8866): who serves video, and by which software.
//!
//! The camera is the server. Who asks is a recorder, a viewer or a person: asking tells no kind by itself.

use super::super::DeviceKind;
use super::text::lossy;
use super::{Certainty, Field, Sighting, Source, http};

/// Ports that RTSP servers listen at.
pub const PORTS: [u16; 2] = [554, 8554];

/// Lines of a session description that are looked at.
const MAX_LINES: usize = 128;

/// Whether a TCP payload begins an RTSP response.
pub fn is_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RTSP/1.0 ")
}

/// Whether a TCP payload begins an RTSP request that opens or plays a session.
pub fn is_request(bytes: &[u8]) -> bool {
    [&b"OPTIONS rtsp"[..], b"DESCRIBE rtsp", b"SETUP rtsp", b"PLAY rtsp", b"GET_PARAMETER rtsp"]
        .iter()
        .any(|method| bytes.starts_with(method))
}

/// What a client's bytes say about the client: the program that views or records.
pub fn parse_request(bytes: &[u8]) -> Vec<Sighting> {
    if !is_request(bytes) {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Rtsp);
    http::headers(bytes, |name, value| {
        if name == "user-agent" {
            sighting.text(Field::Software, value, Certainty::Likely);
            // A player on somebody's computer.
            if value.contains("LibVLC") || value.contains("QuickTime") {
                sighting.kind_is(DeviceKind::Other, Certainty::Likely);
            }
        }
    });
    sighting.into_list()
}

/// What a server's bytes say about the server.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    if !is_response(bytes) {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Rtsp);
    http::headers(bytes, |name, value| match name {
        "server" => sighting.software(value),
        "www-authenticate" => {
            if let Some(realm) = http::realm(value) {
                // Dahua's cameras write their serial number or name behind these words.
                if let Some(login) = realm.strip_prefix("Login to ") {
                    sighting.text(Field::Maker, "dahua", Certainty::Likely);
                    sighting.text(Field::Name, login, Certainty::Unverified);
                } else {
                    sighting.brand_words(realm);
                    sighting.text(Field::Name, realm, Certainty::Unverified);
                }
            }
        }
        _ => {}
    });
    if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        session(bytes.get(at + 4..).unwrap_or_default(), &mut sighting);
    }
    // It answers for a stream: a camera, or a recorder that hands one on. Which, other facts tell.
    sighting.kind_is(DeviceKind::Camera, Certainty::Unverified);
    sighting.into_list()
}

fn session(body: &[u8], sighting: &mut Sighting) {
    let mut video = false;
    for line in body.split(|byte| *byte == b'\n').take(MAX_LINES) {
        let line = lossy(line, 512);
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix("s=") {
            sighting.brand_words(name);
            if !matches!(name, "" | "-" | " " | "Media Presentation" | "Media Server" | "Session streamed by \"rtspd\"")
            {
                sighting.text(Field::Name, name, Certainty::Unverified);
            }
        } else if let Some(tool) = line.strip_prefix("a=tool:") {
            sighting.software(tool);
        } else if line.starts_with("m=video") {
            video = true;
        }
    }
    if video {
        sighting.kind_is(DeviceKind::Camera, Certainty::Likely);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    const DESCRIBED: &[u8] =
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nServer: Rtsp Server/2.0\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=Gate\r\na=tool:Dahua Streaming Server\r\nm=video 0 RTP/AVP 96\r\n";

    #[test]
    fn a_description_tells_software_and_that_video_is_served() {
        let [found] = &parse(DESCRIBED)[..] else { panic!() };
        assert_eq!(texts(found, Field::Software), ["Rtsp Server/2.0", "Dahua Streaming Server"]);
        assert_eq!(texts(found, Field::Name), ["Gate"]);
        assert_eq!(found.kind(), Some((DeviceKind::Camera, Certainty::Likely)));
    }

    #[test]
    fn a_challenge_tells_the_maker() {
        let challenge = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"Login to 6G0ABCDE\", nonce=\"1\"\r\n\r\n";
        assert_eq!(texts(&parse(challenge)[0], Field::Maker), ["dahua"]);
        let challenge =
            b"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"AXIS_ACCC8E012345\", nonce=\"1\"\r\n\r\n";
        assert_eq!(texts(&parse(challenge)[0], Field::Maker), ["axis"]);
        assert!(parse(b"OPTIONS rtsp://x RTSP/1.0\r\n\r\n").is_empty(), "who asks is no camera by that");
    }

    #[test]
    fn a_player_is_a_computers() {
        let request =
            b"DESCRIBE rtsp://10.2.2.2:8554/ RTSP/1.0\r\nCSeq: 7\r\nUser-Agent: LibVLC/3.0.16 (LIVE555)\r\n\r\n";
        assert_eq!(parse_request(request)[0].kind().map(|(kind, _)| kind), Some(DeviceKind::Other));
    }

    holds!(DESCRIBED, |bytes: &[u8]| [parse(bytes), parse_request(bytes)].concat());
}
