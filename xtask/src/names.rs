//! Short names for what module and bindings give each other. The generated ones carry hashes, which no compression shrinks.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// `script` with the names that `wasm-opt` gave, by the map that it printed: `[module, name, short]` for each import,
/// `[name, short]` for each export.
///
/// `bindings` is what the module calls `script`. Another import would be a leftover of C, such as a clock or `malloc` from
/// `env`, and nothing would provide it.
pub(crate) fn shorten(script: &str, bindings: &str, map: &str) -> Result<String> {
    let map: Value = serde_json::from_str(map).context("wasm-opt printed no map of names")?;
    let mut script = replace_once(script, &format!("\"{bindings}\": "), "a: ")?;
    for import in rows(&map, "imports") {
        let [module, name, short] = texts(import)?;
        ensure!(module == bindings, "the module imports `{name}` from `{module}`");
        script = replace_once(&script, &format!(" {name}: "), &format!(" {short}: "))?;
    }
    let mut exports: Vec<[&str; 2]> = rows(&map, "exports").map(texts).collect::<Result<_>>()?;
    // A name may begin with another.
    exports.sort_by_key(|[name, _]| std::cmp::Reverse(name.len()));
    for [name, short] in exports {
        script = script.replace(&format!("wasm.{name}"), &format!("wasm.{short}"));
    }
    Ok(script)
}

fn replace_once(script: &str, from: &str, to: &str) -> Result<String> {
    ensure!(script.matches(from).count() == 1, "the bindings must contain `{from}` once");
    Ok(script.replace(from, to))
}

fn rows<'a>(map: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    map[kind].as_array().into_iter().flatten()
}

fn texts<const N: usize>(row: &Value) -> Result<[&str; N]> {
    let texts: Option<Vec<_>> =
        row.as_array().and_then(|row| row.iter().map(Value::as_str).collect());
    texts
        .and_then(|texts| texts.try_into().ok())
        .context("wasm-opt's map of names has another shape than it had")
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
        let map = r#"{
            "imports": [["./shardwire_bg.js", "__wbg_push_c9f4", "b"]],
            "exports": [["shard_new", "c"], ["shard_new_at", "d"]]
        }"#;
        let expected = "
        b: function(arg0) { wasm.c(wasm.d); },
        a: import0,
    ";
        assert_eq!(shorten(SCRIPT, BINDINGS, map).expect("a map that fits"), expected);
    }

    #[test]
    fn what_nothing_provides_is_refused() {
        let map = r#"{ "imports": [["env", "malloc", "b"]], "exports": [] }"#;
        let error = shorten(SCRIPT, BINDINGS, map).expect_err("an import of C's");
        assert_eq!(error.to_string(), "the module imports `malloc` from `env`");
    }
}
