//! Reading ahead: a thread of its own reads, and unpacks, while what came before is looked at.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// How much is read at once.
const CHUNK: usize = 256 * 1024;
/// Chunks that wait to be taken.
const WAITING: usize = 4;

/// A reader whose bytes are read before they are asked for.
pub(super) struct Ahead {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Ahead {
    /// Starts reading. The thread ends with the reader, or when nobody takes what it reads.
    pub(super) fn start(reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let (filled, full) = sync_channel(WAITING);
        let (empty, emptied) = channel();
        std::thread::Builder::new().name("read-ahead".to_owned()).spawn(move || read(reader, &filled, &emptied))?;
        Ok(Self { full, empty, chunk: Vec::new(), at: 0 })
    }
}

fn read(mut reader: Box<dyn Read + Send>, filled: &SyncSender<io::Result<Vec<u8>>>, emptied: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = emptied.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let read = match reader.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let more = matches!(read, Ok(1..));
        let read = read.map(|count| {
            chunk.truncate(count);
            chunk
        });
        if filled.send(read).is_err() || !more {
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.chunk.len() {
            // The thread has ended where nothing comes any more.
            let Ok(chunk) = self.full.recv() else { return Ok(0) };
            let before = std::mem::replace(&mut self.chunk, chunk?);
            self.at = 0;
            self.empty.send(before).unwrap_or_default();
        }
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_same_bytes() {
        let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut ahead = Ahead::start(Box::new(io::Cursor::new(bytes.clone()))).unwrap();
        let mut read = Vec::new();
        ahead.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        assert_eq!(ahead.read(&mut [0; 9]).unwrap(), 0, "at the end for good");
    }

    #[test]
    fn an_error_comes_after_what_was_read_before() {
        struct Breaks(u8);
        impl Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                buffer[0] = self.0;
                if self.0 < 3 { Ok(1) } else { Err(io::Error::other("broken")) }
            }
        }
        let mut ahead = Ahead::start(Box::new(Breaks(0))).unwrap();
        let mut one = [0];
        assert_eq!((ahead.read(&mut one).unwrap(), one), (1, [1]));
        assert_eq!((ahead.read(&mut one).unwrap(), one), (1, [2]));
        assert_eq!(ahead.read(&mut one).unwrap_err().to_string(), "broken");
        assert_eq!(ahead.read(&mut one).unwrap(), 0);
    }
}
