//! The npm package, put together from its template, the generated files and the version.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    npm,
    progress::{Step, say},
    size, tools, wasm,
    workspace::Workspace,
};

/// Stands in the template where the version goes.
const PLACEHOLDER: &str = "\"version\": \"0.0.0\"";
/// Stands in the README where the table of sizes goes.
const SIZES: &str = "<!-- sizes -->";
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Builds the package and sees to it that it stays small.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    make(workspace)?;
    size::report(workspace)?;
    say(&format!("\n  The package is in {}\n", workspace.package().display()));
    Ok(())
}

/// Makes the package from nothing but the repository.
pub(crate) fn make(workspace: &Workspace) -> Result<()> {
    npm::ensure(workspace, npm::Scope::Build)?;
    let generated = workspace.target("npm/wasm");
    remake(&generated)?;
    wasm::build(workspace, &generated)?;
    Step::run("Assemble the npm package", |step| assemble(workspace, step, &generated))
}

fn assemble(workspace: &Workspace, step: &Step, generated: &Path) -> Result<()> {
    let package = workspace.package();
    remake(&package)?;
    copy(&workspace.root().join("pkg-template"), &package)?;
    stamp(&package, workspace.version())?;
    pack(workspace, step, &package)?;
    copy(generated, &package.join("wasm"))?;
    for name in LICENCES {
        copy_file(&workspace.root().join(name), &package.join(name))?;
    }
    tell_sizes(workspace)
}

/// Comments and long names are for whoever reads the source map.
fn pack(workspace: &Workspace, step: &Step, package: &Path) -> Result<()> {
    let mut node = tools::node();
    node.arg(workspace.root().join("xtask/js/pack.mjs")).arg(package);
    step.execute(&mut node)
}

/// The version is written in `Cargo.toml` only; these two places are told.
fn stamp(package: &Path, version: &str) -> Result<()> {
    let own = format!("\"version\": \"{version}\"");
    replace_once(&package.join("package.json"), PLACEHOLDER, &own)?;
    write(&package.join("version.js"), &format!("export const version = \"{version}\";\n"))
}

/// The README's table of sizes is measured, so that it is true of the package that it lies in.
fn tell_sizes(workspace: &Workspace) -> Result<()> {
    let table = size::markdown(&size::measure(workspace)?);
    replace_once(&workspace.package().join("README.md"), SIZES, table.trim_end())
}

/// Fills in what a template leaves open.
fn replace_once(path: &Path, from: &str, to: &str) -> Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let count = text.matches(from).count();
    ensure!(count == 1, "{} must contain {from} once, not {count} times", path.display());
    write(path, &text.replace(from, to))
}

/// Leaves an empty folder, so that nothing stale is published.
pub(crate) fn remake(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for path in children(from)? {
        let name = path.file_name().expect("a folder's entry has a name");
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies one file into a folder that exists.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
