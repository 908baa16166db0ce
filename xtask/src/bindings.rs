//! The generated bindings without what the package has no use for. They are made for every use there is; a browser downloads
//! them before its first event.

use anyhow::{Context, Result};

/// Replaces the loading of the module, which is the business of `pkg-template/entry/`, and the caches that go with it.
const LOAD: &str = "
let wasm;
export function initSync(module) {
    if (wasm) return;
    wasm = new WebAssembly.Instance(module, __wbg_get_imports()).exports;
    wasm.__wbindgen_start();
}
";

/// One function for each `Finalization` of a class and for those of closures.
const FINALIZATION: &str = "
function finalization(free) {
    return globalThis.FinalizationRegistry ? new FinalizationRegistry(free) : { register() {}, unregister() {} };
}
";

/// `script` as the package has it. `is_freed` says whether instances of its classes are freed by hand.
pub(crate) fn trim(script: &str, is_freed: bool) -> Result<String> {
    let (script, _) = cut(script, "let wasmModule, wasmInstance, wasm;").context("no loading")?;
    let mut script = format!("{script}{LOAD}{FINALIZATION}");
    for (from, to) in REPLACED {
        script = script.replace(from, to);
    }
    if is_freed { Ok(script) } else { without_free(&script) }
}

/// What is replaced by what. If bindings of another version have none of it, nothing breaks, and the size budget tells.
const REPLACED: &[(&str, &str)] = &[
    // Wrapped once, rather than by each call.
    ("function() { return handleError(function (", "handleError(function ("),
    ("}, arguments); },", "}),"),
    (
        "function handleError(f, args) {
    try {
        return f.apply(this, args);
    } catch (e) {
        const idx = addToExternrefTable0(e);
        wasm.__wbindgen_exn_store(idx);
    }
}",
        "function handleError(f) {
    return (...args) => {
        try {
            return f(...args);
        } catch (e) {
            wasm.__wbindgen_exn_store(addToExternrefTable0(e));
        }
    };
}",
    ),
    // A buffer that was taken away has no bytes.
    (
        "cachedDataViewMemory0.buffer.detached === true || (cachedDataViewMemory0.buffer.detached === undefined && cachedDataViewMemory0.buffer !== wasm.memory.buffer)",
        "cachedDataViewMemory0.buffer.byteLength === 0",
    ),
    // A class that every host has.
    (
        "let result;
            try {
                result = arg0 instanceof ArrayBuffer;
            } catch (_) {
                result = false;
            }
            const ret = result;
            return ret;",
        "return arg0 instanceof ArrayBuffer;",
    ),
    // Nothing else is asked of a socket.
    ("const __wbindgen_enum_BinaryType = [\"blob\", \"arraybuffer\"];\n", ""),
    ("__wbindgen_enum_BinaryType[arg1]", "'arraybuffer'"),
    // Bytes have the size of one.
    ("ptr / 1", "ptr"),
    ("arg.length * 1", "arg.length"),
    // What constructors and objects do by themselves.
    ("        return this;\n", ""),
    ("        __proto__: null,\n", ""),
    // It is always given.
    (
        "    if (realloc === undefined) {
        const buf = cachedTextEncoder.encode(arg);
        const ptr = malloc(buf.length, 1) >>> 0;
        getUint8ArrayMemory0().subarray(ptr, ptr + buf.length).set(buf);
        WASM_VECTOR_LEN = buf.length;
        return ptr;
    }
",
        "",
    ),
    (
        "(typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(",
        "finalization(",
    ),
];

/// Without the methods that free an instance by hand: the garbage collector does, and nobody calls them.
fn without_free(script: &str) -> Result<String> {
    let mut rest = script;
    let mut kept = String::new();
    while let Some((before, after)) = cut(rest, "    __destroy_into_raw() {") {
        kept.push_str(before);
        let (_, after) = cut(after, "    free() {").context("no `free` after it")?;
        (_, rest) = cut(after, "    }\n").context("an endless `free`")?;
    }
    kept.push_str(rest);
    let is_kept = |line: &&str| !line.starts_with("if (Symbol.dispose)");
    let kept: String = kept.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect();
    // Nobody takes it out of the register again.
    Ok(kept.replace("(this, this.__wbg_ptr, this)", "(this, this.__wbg_ptr)"))
}

fn cut<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    text.split_once(at)
}
