//! What was captured, lost, decoded and tracked.

use super::snapshot::{InterfaceSnapshot, Snapshot};
use super::{Room, Values, counter, gauge};
use crate::decode::CAUSES;

fn each(snapshot: &Snapshot, values: &mut Values<'_>, value: fn(&InterfaceSnapshot) -> u64) {
    for interface in &snapshot.interfaces {
        values(&[&interface.name], value(interface) as f64);
    }
}

pub(super) const ROOM: Room = Room {
    title: "Capture",
    about: "Losses apart by cause: what is lost before the kernel hands it over, by the interface, and between capture and analysis.",
    families: &[
        gauge("camwatch_capture_up", "1", &["interface"], "Whether the interface is open.", |s, v| {
            each(s, v, |i| u64::from(i.up));
        })
        .note("0 while it is down or gone; it is tried again"),
        counter(
            "camwatch_capture_packets_total",
            "packets",
            &["interface"],
            "Packets taken from the interface.",
            |s, v| {
                each(s, v, |i| i.front.packets);
            },
        ),
        counter(
            "camwatch_capture_bytes_total",
            "bytes",
            &["interface"],
            "Bytes of these packets on the wire.",
            |s, v| {
                each(s, v, |i| i.front.bytes);
            },
        ),
        counter(
            "camwatch_capture_interface_packets_total",
            "packets",
            &["interface"],
            "Packets that came in on the interface, as the kernel counts them.",
            |s, v| each(s, v, |i| i.live.on_interface),
        )
        .note("what is more than packets taken and lost was dropped by the kernel's filter, as internal video is: not a loss"),
        counter(
            "camwatch_capture_kernel_drops_total",
            "packets",
            &["interface"],
            "Packets lost because the kernel's ring was full.",
            |s, v| each(s, v, |i| i.live.dropped_kernel),
        )
        .note("a larger `[capture] ring` holds longer bursts, more `workers` share the load"),
        counter(
            "camwatch_capture_interface_drops_total",
            "packets",
            &["interface"],
            "Packets lost by the interface or its driver.",
            |s, v| each(s, v, |i| i.live.dropped_interface),
        )
        .note("not every driver tells"),
        counter(
            "camwatch_queue_lost_events_total",
            "events",
            &[],
            "Events lost because the analyser could not keep up.",
            |s, v| {
                v(&[], s.lost_events as f64);
            },
        )
        .note("what was in them is missing everywhere"),
        gauge("camwatch_capture_timestamp_seconds", "seconds", &[], "How far capture time is.", |s, v| {
            v(&[], s.analysed.capture_time_s);
        })
        .note("stands still when the analyser does, or when no packet comes and no interface is open"),
    ],
};

pub(super) const DECODING: Room = Room {
    title: "Decoding and tracking",
    about: "What packets were taken for, and the connections that are followed.",
    families: &[
        counter(
            "camwatch_decode_passed_over_total",
            "packets",
            &["interface"],
            "Internal video packets, counted and passed over.",
            |s, v| each(s, v, |i| i.front.passed_over),
        )
        .note("by design: not a loss"),
        counter(
            "camwatch_decode_duplicates_total",
            "packets",
            &["interface"],
            "Packets that the mirror port showed a second time.",
            |s, v| each(s, v, |i| i.front.duplicates),
        ),
        counter(
            "camwatch_decode_undecoded_total",
            "packets",
            &["interface", "cause"],
            "Packets that could not be decoded.",
            |s, v| {
                for interface in &s.interfaces {
                    for (cause, count) in CAUSES.iter().zip(interface.front.undecoded) {
                        v(&[&interface.name, cause], count as f64);
                    }
                }
            },
        ),
        gauge("camwatch_track_flows", "connections", &["interface"], "Connections that are followed now.", |s, v| {
            each(s, v, |i| i.front.track.flows);
        }),
        counter(
            "camwatch_track_evicted_flows_total",
            "connections",
            &["interface"],
            "Connections that left early because the table was full.",
            |s, v| each(s, v, |i| i.front.track.evicted),
        ),
        counter(
            "camwatch_track_names_given_up_total",
            "connections",
            &["interface"],
            "Beginnings of streams in which a name was awaited that left because too many waited.",
            |s, v| each(s, v, |i| i.front.track.names_given_up),
        ),
        counter(
            "camwatch_presence_left_out_total",
            "packets",
            &["interface"],
            "Packets of senders for whom there was no room among those whose presence is told.",
            |s, v| each(s, v, |i| i.front.senders_left_out),
        ),
        counter(
            "camwatch_recognised_left_out_total",
            "events",
            &["interface"],
            "How often there was no room to watch a camera that showed itself by what it said.",
            |s, v| each(s, v, |i| i.front.track.learned_left_out),
        ),
        counter(
            "camwatch_shown_left_out_total",
            "events",
            &[],
            "How often there was no room to tell other capture threads that a device is a camera or a router.",
            |s, v| v(&[], s.shown_left_out as f64),
        )
        .note("each of them sees it by itself, or not"),
    ],
};
