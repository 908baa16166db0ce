//! Debian packages that tests need, installed where that can be done without asking.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{progress::Step, tools};

/// Installs `package`, if this machine is Debian's kind and lets us.
pub(crate) fn install(package: &str, step: &Step) -> Result<()> {
    if !Path::new("/etc/debian_version").is_file() || !is_root() {
        bail!("{package} is missing and cannot be installed from here");
    }
    step.execute(tools::command("apt-get").arg("update"))?;
    let mut apt = tools::command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        // Another package manager may be at work on a machine that has just started.
        .args(["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"])
        .arg(package);
    step.execute(&mut apt)
}

/// Installs `package` unless `program`, which is in it, can be started by its name.
pub(crate) fn ensure(program: &str, package: &str, step: &Step) -> Result<()> {
    if has(program) {
        return Ok(());
    }
    let advice = || format!("install {program} (Debian: `apt-get install {package}`)");
    install(package, step).with_context(advice)
}

fn has(program: &str) -> bool {
    let folders: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    folders.iter().any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    tools::read(tools::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
