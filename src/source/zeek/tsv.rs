//! A line of a tab-separated log.

use std::borrow::Cow;

use super::header::{Column, Header};
use super::record::State;
use super::row::{History, Proto, Row};
use super::value;

/// Reads a line by its header. The error says which column is wrong.
pub(super) fn read<'a>(line: &'a [u8], header: &Header) -> Result<Row<'a>, String> {
    let mut row = Row::default();
    let mut columns = header.columns.iter();
    let mut start = 0;
    let mut ends = memchr::memchr_iter(header.separator, line);
    let mut more = true;
    while more {
        let end = ends.next();
        more = end.is_some();
        let value = line.get(start..end.unwrap_or(line.len())).unwrap_or_default();
        start = end.unwrap_or(line.len()) + 1;
        let Some(column) = columns.next() else { return Err(of_columns(line, header)) };
        if *column != Column::Unused && value != header.unset {
            take(&mut row, *column, value, header)?;
        }
    }
    if columns.next().is_some() {
        return Err(of_columns(line, header));
    }
    Ok(row)
}

fn of_columns(line: &[u8], header: &Header) -> String {
    let count = memchr::memchr_iter(header.separator, line).count() + 1;
    format!("it has {count} columns, not {}", header.columns.len())
}

fn take<'a>(row: &mut Row<'a>, column: Column, value: &'a [u8], header: &Header) -> Result<(), String> {
    let text = || Some(Cow::Borrowed(if value == header.empty { &b""[..] } else { value }));
    let parts = || value.split(|byte| *byte == header.set_separator).filter(|_| value != header.empty);
    let wrong = |what: String| format!("{}: {what}", name_of(column));
    match column {
        Column::Ts => row.ts = Some(value::time(value).map_err(wrong)?),
        Column::OrigH => row.orig_h = Some(value::address(value).map_err(wrong)?),
        Column::OrigP => row.orig_p = Some(value::port(value).map_err(wrong)?),
        Column::RespH => row.resp_h = Some(value::address(value).map_err(wrong)?),
        Column::RespP => row.resp_p = Some(value::port(value).map_err(wrong)?),
        Column::Proto => row.proto = Some(Proto::parse(value)),
        Column::Duration => row.duration = Some(value::duration(value).map_err(wrong)?),
        Column::OrigBytes => row.orig_bytes = Some(value::number(value).map_err(wrong)?),
        Column::RespBytes => row.resp_bytes = Some(value::number(value).map_err(wrong)?),
        Column::ConnState => row.conn_state = Some(State::parse(value).map_err(wrong)?),
        Column::History => row.history = Some(History::parse(value)),
        Column::OrigPkts => row.orig_pkts = Some(value::number(value).map_err(wrong)?),
        Column::RespPkts => row.resp_pkts = Some(value::number(value).map_err(wrong)?),
        Column::OrigIpBytes => row.orig_ip_bytes = Some(value::number(value).map_err(wrong)?),
        Column::RespIpBytes => row.resp_ip_bytes = Some(value::number(value).map_err(wrong)?),
        Column::OrigL2Addr => row.orig_l2_addr = Some(value::mac(value).map_err(wrong)?),
        Column::Query => row.query = text(),
        Column::ServerName => row.server_name = text(),
        Column::Host => row.host = text(),
        Column::Answers => parts().for_each(|part| row.add_answer(part)),
        Column::Ttls => {
            for part in parts() {
                row.add_ttl(value::duration(part).map_err(wrong)?);
            }
        }
        Column::Rcode => row.answered = true,
        Column::Unused => {}
    }
    Ok(())
}

fn name_of(column: Column) -> &'static str {
    Column::ALL.iter().find(|(_, known)| *known == column).map_or("", |(name, _)| name)
}
