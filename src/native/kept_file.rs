//! Small files of JSON that outlive the process. Never knows what is in them.

use std::{fs, io, path::Path};

use serde::{Serialize, de::DeserializeOwned};

/// What is in a file: `None` if it is missing, or holds something else.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whoever reads it sees the old content or the new one, never half of one.
pub(super) fn replace(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, serde_json::to_vec(content)?)?;
    fs::rename(&beside, path)
}
