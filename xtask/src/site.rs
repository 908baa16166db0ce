//! The dashboard as a folder that any web server could serve.

use anyhow::Result;

use crate::{
    package::{copy, copy_file, remake},
    progress::Step,
    workspace::Workspace,
};

/// What the dashboard takes from uPlot.
const UPLOT: [&str; 2] = ["uPlot.esm.js", "uPlot.min.css"];

/// Puts the pages and what they load next to each other: no request ever needs another host.
pub(crate) fn assemble(workspace: &Workspace) -> Result<()> {
    Step::run("Assemble the dashboard", |_| {
        let site = workspace.site();
        let uplot = site.join("vendor/uplot");
        remake(&site)?;
        copy(&workspace.root().join("www"), &site)?;
        copy(&workspace.package(), &site.join("vendor/shardwire"))?;
        remake(&uplot)?;
        for name in UPLOT {
            let file = workspace.node_module("uplot/dist").join(name);
            copy_file(&file, &uplot.join(name))?;
        }
        Ok(())
    })
}
