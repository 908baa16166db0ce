//! Browsers: opening a page for somebody, and those that tests start.

use std::{env, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};

use crate::{debian, progress::Step, tools};

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

/// A browser that tests start.
pub(crate) struct Browser {
    /// As people know it.
    pub(crate) name: &'static str,
    /// The Debian package.
    package: &'static str,
    /// Where Debian puts it.
    path: &'static str,
    /// Names another one than Debian's; what tests read, too.
    pub(crate) variable: &'static str,
}

pub(crate) const CHROMIUM: Browser = Browser {
    name: "Chromium",
    package: "chromium",
    path: "/usr/bin/chromium",
    variable: "CHROMIUM_BIN",
};

pub(crate) const FIREFOX: Browser = Browser {
    name: "Firefox",
    package: "firefox-esr",
    path: "/usr/bin/firefox-esr",
    variable: "FIREFOX_BIN",
};

impl Browser {
    /// Where it is, installed if this machine lets us.
    pub(crate) fn ensure(&self, step: &Step) -> Result<PathBuf> {
        let Self { name, package, variable, .. } = self;
        if let Some(path) = env::var_os(variable).map(PathBuf::from) {
            if path.is_file() {
                return Ok(path);
            }
            bail!("{variable} names {}, which does not exist", path.display());
        }
        let path = PathBuf::from(self.path);
        if !path.is_file() {
            debian::install(package, step).with_context(|| {
                format!(
                    "install {name} (Debian: `apt-get install {package}`), or set {variable} to it"
                )
            })?;
        }
        Ok(path)
    }
}
