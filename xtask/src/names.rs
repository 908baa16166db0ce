//! Short names for what module and bindings give each other. The generated ones carry hashes, which no compression shrinks, and
//! which differ between two builds of one crate: without them both builds can have the same bindings.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use walrus::{ExportItem, FunctionId, ImportKind, Module};

/// What was called how, and is called how now.
#[derive(Debug, Default)]
pub(crate) struct Names {
    imports: BTreeMap<String, String>,
    exports: BTreeMap<String, String>,
}

/// Gives the imports and exports of `module` short names.
///
/// `bindings` is what it calls its bindings. Another import would be a leftover of C, such as a clock or `malloc` from `env`, and
/// nothing would provide it.
pub(crate) fn shorten(module: &mut Module, bindings: &str) -> Result<Names> {
    let mut names = Names::default();
    let mut order = Vec::new();
    for import in module.imports.iter() {
        ensure!(
            import.module == bindings,
            "the module imports `{}` from `{}`",
            import.name,
            import.module
        );
        let function = match import.kind {
            ImportKind::Function(id) => Some(id),
            _ => None,
        };
        order.push((key(module, &import.name, function), import.id()));
    }
    order.sort();
    for (number, (_, id)) in order.into_iter().enumerate() {
        let import = module.imports.get_mut(id);
        let short = letters(number);
        "a".clone_into(&mut import.module);
        names.imports.insert(import.name.clone(), short.clone());
        import.name = short;
    }
    let exports = module.exports.iter().map(|export| {
        let function = match export.item {
            ExportItem::Function(id) => Some(id),
            _ => None,
        };
        (key(module, &export.name, function), export.id())
    });
    let mut order: Vec<_> = exports.collect();
    order.sort();
    for (number, (_, id)) in order.into_iter().enumerate() {
        let export = module.exports.get_mut(id);
        let short = letters(number);
        names.exports.insert(export.name.clone(), short.clone());
        export.name = short;
    }
    Ok(names)
}

impl Names {
    /// `script`, the bindings, with these names.
    pub(crate) fn apply(&self, script: &str, bindings: &str) -> Result<String> {
        let mut script = replace_once(script, &format!("\"{bindings}\": "), "a: ")?;
        for (name, short) in &self.imports {
            script = replace_once(&script, &format!(" {name}: "), &format!(" {short}: "))?;
        }
        // A name may begin with another, which stands before it.
        for (name, short) in self.exports.iter().rev() {
            script = script.replace(&format!("wasm.{name}"), &format!("wasm.{short}"));
        }
        Ok(script)
    }
}

/// What a name is sorted by: without its hash, as that differs between builds, and by what else tells two of a name apart.
fn key(module: &Module, name: &str, function: Option<FunctionId>) -> (String, usize, String) {
    let parameters = function.map(|id| module.types.params(module.funcs.get(id).ty()).len());
    (without_hash(name).to_owned(), parameters.unwrap_or_default(), name.to_owned())
}

/// `name` without the sixteen digits that some end with.
pub(crate) fn without_hash(name: &str) -> &str {
    let at = name.len().saturating_sub(16);
    let is_hash = |end: &str| end.len() == 16 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.get(at..) {
        Some(end) if is_hash(end) => &name[..at],
        _ => name,
    }
}

/// `a` to `z`, then `aa` and so on.
fn letters(number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.into(),
        before => letters(before - 1) + &letter.to_string(),
    }
}

fn replace_once(script: &str, from: &str, to: &str) -> Result<String> {
    let (before, after) =
        script.split_once(from).with_context(|| format!("the bindings must contain `{from}`"))?;
    ensure!(!after.contains(from), "the bindings must contain `{from}` once");
    Ok(format!("{before}{to}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDINGS: &str = "./shardwire_bg.js";
    const SCRIPT: &str = "
        __wbg_push_c9f4: function(arg0) { wasm.shard_new(wasm.shard_new_at); },
        \"./shardwire_bg.js\": import0,
    ";

    #[test]
    fn both_directions_are_renamed() {
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, short)| ((*name).into(), (*short).into())).collect()
        };
        let names = Names {
            imports: of(&[("__wbg_push_c9f4", "b")]),
            exports: of(&[("shard_new", "c"), ("shard_new_at", "d")]),
        };
        let expected = "
        b: function(arg0) { wasm.c(wasm.d); },
        a: import0,
    ";
        assert_eq!(names.apply(SCRIPT, BINDINGS).expect("names that fit"), expected);
    }

    #[test]
    fn a_hash_is_no_part_of_what_a_name_is_sorted_by() {
        assert_eq!(without_hash("__wbg_push_c9f40123456789ab"), "__wbg_push_");
        assert_eq!(without_hash("__externref_table_alloc"), "__externref_table_alloc");
        assert_eq!(without_hash("memory"), "memory");
    }

    #[test]
    fn there_is_a_name_for_every_number() {
        let names: Vec<String> = [0, 25, 26, 27, 52].into_iter().map(letters).collect();
        assert_eq!(names, ["a", "z", "aa", "ab", "ba"]);
    }

    #[test]
    fn what_nothing_provides_is_refused() {
        let mut module = Module::default();
        let ty = module.types.add(&[], &[]);
        module.add_import_func("env", "malloc", ty);
        let error = shorten(&mut module, BINDINGS).expect_err("an import of C's");
        assert_eq!(error.to_string(), "the module imports `malloc` from `env`");
    }
}
