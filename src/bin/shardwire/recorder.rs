//! Writes a recording: one envelope a line, as `shardwire gateway --replay` reads them, without what belongs to people. Knows
//! nothing of the connection.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use serde_json::json;
use shardwire::proto::Dispatch;

use super::scrub::Scrubber;

/// A file that is being recorded into.
pub struct Recorder {
    file: BufWriter<File>,
    scrubber: Scrubber,
}

impl Recorder {
    /// Makes the file, in place of one that was there.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(path)?), scrubber: Scrubber::default() })
    }

    /// Writes one event. Data that is no JSON cannot be scrubbed, and is an error.
    pub fn write(&mut self, dispatch: &Dispatch) -> io::Result<()> {
        let Dispatch { name, sequence, data, .. } = dispatch;
        let data = self.scrubber.scrub(data)?;
        writeln!(self.file, r#"{{"t":{},"s":{sequence},"op":0,"d":{data}}}"#, json!(name))
    }

    /// Puts everything into the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()
    }
}
