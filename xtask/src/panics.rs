//! Takes out of a module what panics would say. Nobody hears it: without a hook for panics, which only a program of its own
//! could set, Rust on this target prints nothing, and all that JavaScript gets is the trap. The trap stays where it was.
//!
//! Works on the names that functions have before they are stripped. Where a newer Rust calls them otherwise, they are merely
//! left as they are, and the budget in `size.rs` tells.

use std::{collections::BTreeMap, ops::Range};

use walrus::{
    ConstExpr, Data, DataKind, FunctionId, FunctionKind, Module,
    ir::{Call, Value, Visitor, dfs_in_order},
};

/// Parts of the names of functions that never return, whatever they are given.
const PANICS: &[&str] = &[
    "__rustc::rust_begin_unwind",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "core::cell::lazy::panic_poisoned",
    "core::cell::panic_already_borrowed",
    "core::cell::panic_already_mutably_borrowed",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::panicking::assert_failed",
    "core::panicking::panic",
    "core::result::unwrap_failed",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::slice::index::slice_index_fail",
    "std::panicking::panic_with_hook",
    "std::thread::local::panic_access_error",
];
/// Ends of such names, of functions inside of types.
const PANICS_OF_TYPES: &[&str] = &[">::insert::assert_failed", ">::remove::assert_failed"];

/// What the standard library's panics, and those of crates that we have, say. Nothing else says any of it.
const SENTENCES: &[&str] = &[
    " but ends at ",
    " but the index is ",
    " out of range for slice of length ",
    " right` failed",
    ") does not match destination slice length (",
    ") should be < len (is ",
    ") should be <= len (is ",
    "LazyCell instance has previously been poisoned",
    "RefCell already borrowed",
    "RefCell already mutably borrowed",
    "Ready polled after completion",
    "\n  left: ",
    "\n right: ",
    "`async fn` resumed after completion",
    "a Display implementation returned an error unexpectedly",
    "a formatting trait implementation returned an error when the underlying stream did not",
    "assertion `left ",
    "assertion failed: (*next).value.is_some()",
    "assertion failed: (*tail).value.is_none()",
    "assertion failed: (source_pos + 1) & out_buf_size_mask < out_slice.len()",
    "assertion failed: (source_pos + 2) & out_buf_size_mask < out_slice.len()",
    "assertion failed: (source_pos + 3) & out_buf_size_mask < out_slice.len()",
    "assertion failed: self.is_char_boundary(idx)",
    "assertion failed: out_pos + 1 < out_slice.len()",
    "assertion failed: out_pos + 2 < out_slice.len()",
    "assertion failed: out_pos + 3 < out_slice.len()",
    "assertion failed: slot.is_none()",
    "attempt to join into collection with len > usize::MAX",
    "buffer space exhausted; sending this messages would overflow the state",
    "called `Option::unwrap()` on a `None` value",
    "called `Option::unwrap_throw()` on a `None` value",
    "called `Result::unwrap_throw()` on an `Err` value",
    "cannot access a Thread Local Storage value during or after destruction: ",
    "cannot recursively acquire mutex",
    "capacity overflow",
    "copy_from_slice: source slice length (",
    "dest is out of bounds",
    "divide by zero error when dividing duration by scalar",
    "index out of bounds: the len is ",
    "insertion index (is ",
    "mid > len",
    "internal error: entered unreachable code",
    "overflow in Duration::new",
    "overflow when adding durations",
    "overflow when multiplying duration by scalar",
    "range end index ",
    "range start index ",
    "removal index (is ",
    "slice index starts at ",
];

/// What the machinery writes numbers with.
const DIGITS: &[&str] = &[
    "0x0123456789ABCDEF",
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
     5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899",
];

/// Where a panic was: the file's name by address and length, the line, the column.
const LOCATION: usize = 16;
/// What has more lines, or columns, is no source file.
const MOST_LINES: usize = 100_000;

/// Makes all panics bare traps, and blanks what they would have said. If nothing else puts texts together by the standard
/// library's machinery, that becomes a trap as well: only lists of function pointers still hold it.
pub(crate) fn silence(module: &mut Module) {
    trap(module, is_panic);
    let has_formats = is_formatting(module);
    let mut memory = Memory::of(module);
    if !has_formats {
        trap(module, is_format);
        memory.blank_texts(DIGITS);
    }
    memory.blank_locations();
    memory.blank_texts(SENTENCES);
    memory.store(module);
}

/// Makes traps of the functions with such names.
fn trap(module: &mut Module, is_meant: fn(&str) -> bool) {
    for function in module.funcs.iter_mut() {
        let is_meant = function.name.as_deref().is_some_and(is_meant);
        if let (true, FunctionKind::Local(function)) = (is_meant, &mut function.kind) {
            let mut body = function.builder_mut().func_body();
            body.instrs_mut().clear();
            body.unreachable();
        }
    }
}

/// Whether a function that is none of the machinery calls some of it.
fn is_formatting(module: &Module) -> bool {
    let is_machinery = |id| module.funcs.get(id).name.as_deref().is_some_and(is_format);
    module.funcs.iter_local().filter(|(id, _)| !is_machinery(*id)).any(|(_, function)| {
        let mut calls = Calls::default();
        dfs_in_order(&mut calls, function, function.entry_block());
        calls.0.into_iter().any(is_machinery)
    })
}

/// The functions that are called by name.
#[derive(Default)]
struct Calls(Vec<FunctionId>);

impl Visitor<'_> for Calls {
    fn visit_call(&mut self, call: &Call) {
        self.0.push(call.func);
    }
}

/// Also of what a panic carries, which is put together like any text.
fn is_format(name: &str) -> bool {
    let name = without_hashes(name);
    ["core::fmt::", "alloc::fmt::", "std::panicking::"].iter().any(|part| name.contains(part))
}

fn is_panic(name: &str) -> bool {
    let name = without_hashes(name);
    PANICS.iter().any(|known| name.starts_with(known))
        || PANICS_OF_TYPES.iter().any(|known| name.ends_with(known))
}

/// `core[c5930c85a12de822]::panicking` as `core::panicking`.
fn without_hashes(name: &str) -> String {
    let mut parts = name.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + part.split_once(']').map_or(part, |(_, rest)| rest))
}

/// What the module's memory begins with.
struct Memory(BTreeMap<usize, Vec<u8>>);

impl Memory {
    fn of(module: &Module) -> Self {
        let segments =
            module.data.iter().filter_map(|data| Some((address(data)?, data.value.clone())));
        Self(segments.collect())
    }

    fn store(mut self, module: &mut Module) {
        let segments: Vec<_> = module.data.iter().map(Data::id).collect();
        for id in segments {
            let data = module.data.get_mut(id);
            if let Some(value) = address(data).and_then(|address| self.0.remove(&address)) {
                data.value = value;
            }
        }
    }

    /// Fills all places of panics, and the names of files that they point to, with zeros.
    fn blank_locations(&mut self) {
        let mut silent = Vec::new();
        for (start, bytes) in &self.0 {
            for at in (0..bytes.len()).filter(|at| (start + at) % 4 == 0) {
                if let Some(file) = bytes.get(at..at + LOCATION).and_then(|place| self.file(place))
                {
                    silent.extend([start + at..start + at + LOCATION, file]);
                }
            }
        }
        for range in silent {
            self.blank(range);
        }
    }

    fn blank_texts(&mut self, texts: &[&str]) {
        for bytes in self.0.values_mut() {
            for text in texts.iter().map(|text| text.as_bytes()) {
                // Several panics may say the same.
                while let Some(at) = place_of(text, bytes) {
                    bytes[at..at + text.len()].fill(0);
                }
            }
        }
    }

    /// Where the name of a source file is, if `place` points to one.
    fn file(&self, place: &[u8]) -> Option<Range<usize>> {
        let word = |at: usize| {
            place.get(at..at + 4)?.try_into().ok().map(|bytes| u32::from_le_bytes(bytes) as usize)
        };
        let (start, length) = (word(0)?, word(4)?);
        let file = start..start.checked_add(length)?;
        let text = self.bytes(&file).and_then(|bytes| std::str::from_utf8(bytes).ok())?;
        let is_file =
            text.as_bytes().ends_with(b".rs") && text.bytes().all(|byte| byte.is_ascii_graphic());
        (is_file && word(8)? < MOST_LINES && word(12)? < MOST_LINES).then_some(file)
    }

    fn bytes(&self, range: &Range<usize>) -> Option<&[u8]> {
        let (start, bytes) = self.0.range(..=range.start).next_back()?;
        bytes.get(range.start - start..range.end - start)
    }

    fn blank(&mut self, range: Range<usize>) {
        if let Some((start, bytes)) = self.0.range_mut(..=range.start).next_back() {
            bytes[range.start - start..range.end - start].fill(0);
        }
    }
}

fn place_of(text: &[u8], bytes: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

fn address(data: &Data) -> Option<usize> {
    match data.kind {
        DataKind::Active { offset: ConstExpr::Value(Value::I32(address)), .. } => {
            usize::try_from(address).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, ModuleConfig, ValType};

    use super::*;

    /// Where the module's memory begins.
    const BASE: i32 = 1024;

    fn module(data: &[u8]) -> Module {
        let mut module = Module::with_config(ModuleConfig::new());
        let memory = module.memories.add_local(false, false, 1, None, None);
        let offset = ConstExpr::Value(Value::I32(BASE));
        module.data.add(DataKind::Active { memory, offset }, data.to_vec());
        module
    }

    fn data(module: &Module) -> &[u8] {
        module.data.iter().next().map(|data| &*data.value).unwrap_or_default()
    }

    /// As Rust lays out where a panic was.
    fn location(file: i32, length: usize) -> Vec<u8> {
        let words = [file, i32::try_from(length).expect("short"), 12, 34];
        words.into_iter().flat_map(i32::to_le_bytes).collect()
    }

    #[test]
    fn panics_are_known_by_name_and_nothing_else_is() {
        for name in [
            "core[c5930c85a12de822]::panicking::panic_fmt",
            "core[c5930c85a12de822]::panicking::assert_failed::<usize, usize>",
            "<alloc[3ca501edff3f0c7c]::vec::Vec<_, _>>::remove::assert_failed",
        ] {
            assert!(is_panic(name), "{name}");
        }
        for name in [
            "<core[c5930c85a12de822]::panicking::AssertKind as core::fmt::Debug>::fmt",
            "shardwire::proto::pace::requests::Requests::fail",
            "alloc[3ca501edff3f0c7c]::raw_vec::finish_grow",
        ] {
            assert!(!is_panic(name), "{name}");
        }
    }

    #[test]
    fn a_panic_becomes_a_bare_trap() {
        let mut module = module(&[]);
        for name in ["core::panicking::panic", "shardwire::works"] {
            let mut function = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
            function.name(name.into()).func_body().i32_const(1);
            function.finish(Vec::new(), &mut module.funcs);
        }
        silence(&mut module);
        let texts: Vec<String> = module
            .funcs
            .iter_local()
            .map(|(_, function)| format!("{:?}", function.block(function.entry_block()).instrs))
            .collect();
        assert!(texts[0].contains("Unreachable") && !texts[0].contains("Const"), "{}", texts[0]);
        assert!(texts[1].contains("Const"), "{}", texts[1]);
    }

    #[test]
    fn places_and_sentences_are_blanked_and_what_looks_alike_is_not() {
        let file = b"src/a.rs";
        let kept = [b"keep src/b.rs ".as_slice(), &location(BASE, 4)].concat();
        // Both point to the same file.
        let silent = [location(BASE, file.len()), location(BASE, file.len())].concat();
        let sentence = b"capacity overflow";
        let mut module = module(&[file, &*silent, &kept, sentence].concat());
        silence(&mut module);
        let blank = vec![0; file.len() + silent.len()];
        assert_eq!(data(&module), [&*blank, &kept, &vec![0; sentence.len()]].concat());
    }
}
