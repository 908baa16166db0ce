//! Browsers: opening a page for somebody, and Chromium for tests.

use std::{env, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};

use crate::{debian, progress::Step, tools};

/// Names another Chromium than Debian's.
const VARIABLE: &str = "CHROMIUM_BIN";
const CHROMIUM: &str = "/usr/bin/chromium";

/// Opens a page in the user's browser, if there seems to be one. The address is printed anyway.
pub(crate) fn open(url: &str) {
    let mut command = if cfg!(target_os = "macos") {
        tools::command("open")
    } else if cfg!(windows) {
        tools::command("explorer")
    } else if env::var_os("DISPLAY").is_some() || env::var_os("WAYLAND_DISPLAY").is_some() {
        tools::command("xdg-open")
    } else {
        return;
    };
    // A machine without a browser is no error: the address can be opened elsewhere.
    let _ = command.arg(url).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

/// Chromium for tests, installed if this machine lets us.
pub(crate) fn ensure_chromium(step: &Step) -> Result<PathBuf> {
    if let Some(path) = env::var_os(VARIABLE).map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("{VARIABLE} names {}, which does not exist", path.display());
    }
    let chromium = PathBuf::from(CHROMIUM);
    if !chromium.is_file() {
        debian::install("chromium", step).with_context(|| {
            format!(
                "install Chromium (Debian: `apt-get install chromium`), or set {VARIABLE} to it"
            )
        })?;
    }
    Ok(chromium)
}
