//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tools;

/// The places of the repository.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    version: String,
}

impl Workspace {
    /// Asks Cargo, which knows about `CARGO_TARGET_DIR` and configuration files.
    pub(crate) fn locate() -> Result<Self> {
        let mut cargo = tools::cargo();
        cargo.args(["metadata", "--format-version=1", "--no-deps"]);
        let metadata: Value = serde_json::from_str(&tools::read(&mut cargo)?)
            .context("`cargo metadata` did not answer with JSON")?;
        Ok(Self {
            root: text(&metadata["workspace_root"])?.into(),
            target: text(&metadata["target_directory"])?.into(),
            version: text(&shardwire(&metadata)?["version"])?.to_owned(),
        })
    }

    /// The folder of the root `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Version of the crate, and thereby of the npm package.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A path inside Cargo's target folder.
    pub(crate) fn target(&self, path: &str) -> PathBuf {
        self.target.join(path)
    }

    /// The npm package as it would be published.
    pub(crate) fn package(&self) -> PathBuf {
        self.target("npm/shardwire")
    }

    /// The dashboard with all that it loads.
    pub(crate) fn site(&self) -> PathBuf {
        self.target("site")
    }

    /// The `shardwire` command.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target("debug").join(format!("shardwire{}", env::consts::EXE_SUFFIX))
    }

    /// A file of an installed npm package.
    pub(crate) fn node_module(&self, path: &str) -> PathBuf {
        self.root.join("node_modules").join(path)
    }
}

fn shardwire(metadata: &Value) -> Result<&Value> {
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .find(|package| package["name"] == "shardwire")
        .context("the workspace has no package `shardwire`; run this inside its repository")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("`cargo metadata` lacks a text that it always had")
}
