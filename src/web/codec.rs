//! Codecs of the npm package's second module, which JavaScript loads when a shard asks for them. Knows how that module is
//! called, and nothing of how it is loaded.

use std::{
    cell::{OnceCell, RefCell},
    fmt,
};

use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::proto::{Codec, CodecError, Compression, Decode, Encoding, Frame};

/// Texts of errors that are remembered. The other module has some thirty.
const MOST_TEXTS: usize = 100;

thread_local! {
    /// The other module, once it is loaded.
    static CODECS: OnceCell<Codecs> = const { OnceCell::new() };
    /// The decoders of open connections, as JavaScript's values may not be where traits ask for `Send`. A wrapper that checks
    /// threads would do it too, for 6 KB of the module.
    static DECODERS: RefCell<Vec<Option<OtherDecoder>>> = const { RefCell::new(Vec::new()) };
    static TEXTS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

// What `npm-codecs` exports. Bytes go over as a view of our memory and are copied once; what comes back is copied out of the
// other memory and into ours.
#[wasm_bindgen]
extern "C" {
    #[doc(hidden)]
    pub type Codecs;

    #[wasm_bindgen(method, catch)]
    fn decoder(
        this: &Codecs,
        compression: &str,
        encoding: &str,
        limit: usize,
    ) -> Result<OtherDecoder, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn encode(this: &Codecs, json: &[u8]) -> Result<Vec<u8>, JsValue>;

    type OtherDecoder;

    #[wasm_bindgen(method, catch)]
    fn feed(this: &OtherDecoder, message: &[u8]) -> Result<Option<Vec<u8>>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn free(this: &OtherDecoder) -> Result<(), JsValue>;
}

// Takes the bindings of the other module, for all shards; again does nothing.
#[doc(hidden)]
#[wasm_bindgen(js_name = provideCodecs)]
pub fn provide_codecs(codecs: Codecs) {
    CODECS.with(|cell| {
        // Whichever came first, both are the same.
        let _ = cell.set(codecs);
    });
}

/// Whether the other module is there.
pub(super) fn is_loaded() -> bool {
    CODECS.with(|cell| cell.get().is_some())
}

/// Has everything, provided that the module is loaded before the shard connects.
#[derive(Debug)]
pub(super) struct OtherModule;

impl Codec for OtherModule {
    fn has(&self, _: Compression, _: Encoding) -> bool {
        true
    }

    fn decoder(
        &self,
        compression: Compression,
        encoding: Encoding,
        limit: usize,
    ) -> Box<dyn Decode + Send> {
        let made =
            call(limit, |codecs| codecs.decoder(compression.name(), encoding.parameter(), limit));
        Box::new(Decoder { place: made.map(keep), text: String::new(), limit })
    }

    fn encode(&self, encoding: Encoding, json: String) -> Result<Frame, CodecError> {
        match encoding {
            Encoding::Etf => call(0, |codecs| codecs.encode(json.as_bytes())).map(Frame::Binary),
            Encoding::Json => Ok(Frame::Text(json)),
        }
    }
}

/// The decoder of one connection.
struct Decoder {
    /// Where it is among all, or why there is none.
    place: Result<usize, CodecError>,
    /// The message that was handed out last.
    text: String,
    limit: usize,
}

impl Decode for Decoder {
    fn feed<'a>(&'a mut self, frame: &'a Frame) -> Result<Option<&'a str>, CodecError> {
        let Frame::Binary(message) = frame else {
            return Err(CodecError::Broken(
                "expected binary messages, as compression or ETF was asked for",
            ));
        };
        let place = self.place?;
        let fed = DECODERS.with_borrow(|decoders| match decoders.get(place) {
            Some(Some(decoder)) => decoder.feed(message),
            _ => Err(JsValue::UNDEFINED),
        });
        let text = fed.map_err(|thrown| to_error(&thrown, self.limit))?;
        let Some(text) = text else { return Ok(None) };
        self.text = String::from_utf8(text)
            .map_err(|_| CodecError::BadMessage("expected inflated messages to be UTF-8"))?;
        Ok(Some(&self.text))
    }
}

/// The other memory has no owner on this side.
impl Drop for Decoder {
    fn drop(&mut self) {
        let taken = self.place.ok().and_then(|place| {
            DECODERS.with_borrow_mut(|decoders| decoders.get_mut(place).and_then(Option::take))
        });
        if let Some(decoder) = taken {
            // It throws if the other module broke down inside of it, and then there is nothing to be done.
            let _ = decoder.free();
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

/// Gives where it is kept: the first free place, so that there are never more places than there were connections at once.
fn keep(decoder: OtherDecoder) -> usize {
    DECODERS.with_borrow_mut(|decoders| {
        let free = decoders.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            decoders.push(None);
            decoders.len() - 1
        });
        decoders[place] = Some(decoder);
        place
    })
}

fn call<T>(
    limit: usize,
    call: impl FnOnce(&Codecs) -> Result<T, JsValue>,
) -> Result<T, CodecError> {
    CODECS.with(|cell| {
        let codecs = cell.get().ok_or(CodecError::Broken("expected codecs to be loaded"))?;
        call(codecs).map_err(|thrown| to_error(&thrown, limit))
    })
}

/// `[kind, message]`; anything else was thrown by the engine.
fn to_error(thrown: &JsValue, limit: usize) -> CodecError {
    let part = |at| thrown.dyn_ref::<Array>().and_then(|pair| pair.get(at).as_string());
    match (part(0).as_deref(), part(1)) {
        (Some("oversized"), _) => CodecError::Oversized { limit },
        (Some("bad-message"), Some(text)) => CodecError::BadMessage(known(text)),
        (Some(_), Some(text)) => CodecError::Broken(known(text)),
        _ => CodecError::Broken("expected the codecs not to break down"),
    }
}

/// The text for ever, as that of our own errors. Each of the other module's is kept once, and it makes none up.
fn known(text: String) -> &'static str {
    TEXTS.with_borrow_mut(|texts| {
        if let Some(known) = texts.iter().copied().find(|known| *known == text) {
            return known;
        }
        if texts.len() >= MOST_TEXTS {
            return "expected valid messages";
        }
        let text: &'static str = Box::leak(text.into_boxed_str());
        texts.push(text);
        text
    })
}
