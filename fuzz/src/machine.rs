//! The whole machine under any story: messages, sockets, times and wishes that need not fit together.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use shardwire::proto::{
    BudgetSpent, Close, Command, Compression, ConnectionId, Encoding, Frame, Input, Presence,
    Priority, Request, RequestSoundboardSounds, SendOptions, TransportError, When,
};

use super::{
    shard::{Shard, TOKEN},
    stream::{Deflater, packed},
};

/// Steps of one story.
const MOST_STEPS: usize = 400;

/// How messages are written; the first byte of a story says which.
const FORMS: [(Compression, Encoding); 5] = [
    (Compression::None, Encoding::Json),
    (Compression::ZlibStream, Encoding::Json),
    (Compression::Payload, Encoding::Json),
    (Compression::None, Encoding::Etf),
    (Compression::ZlibStream, Encoding::Etf),
];

/// From how many bytes a server makes stand-alone messages smaller.
const LONG: usize = 60;

/// What a server says that knows the protocol.
const WORDS: [&str; 14] = [
    r#"{"op":10,"d":{"heartbeat_interval":41250}}"#,
    r#"{"op":0,"t":"READY","s":1,"d":{"session_id":"abc","resume_gateway_url":"wss://resume.test"}}"#,
    r#"{"op":0,"t":"RESUMED","s":#,"d":{}}"#,
    r#"{"op":0,"t":"A","s":#,"d":{"id":9007199254740993}}"#,
    r#"{"op":11}"#,
    r#"{"op":1}"#,
    r#"{"op":7}"#,
    r#"{"op":9,"d":true}"#,
    r#"{"op":9,"d":false}"#,
    r#"{"op":#}"#,
    r#"{"op":10,"d":{"heartbeat_interval":#}}"#,
    r#"{"op":0,"t":"A","s":#,"d":{"#,
    r#"{"op":0,"t":"SOUNDBOARD_SOUNDS","s":#,"d":{"guild_id":"1","soundboard_sounds":[]}}"#,
    r#"{"op":0,"t":"RATE_LIMITED","s":#,"d":{"opcode":31,"retry_after":1.5,"meta":{}}}"#,
];

/// Bytes as a story: the first says how messages are written, then each step begins with a byte that says what happens.
pub fn machine(input: &[u8]) {
    // What the server says may be shown; the token in it would be its own.
    if input.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()) {
        return;
    }
    let mut u = Unstructured::new(input);
    let form: u8 = u.arbitrary().unwrap_or_default();
    let (compression, encoding) = FORMS[usize::from(form) % FORMS.len()];
    let mut story = Story::new(compression, encoding);
    for _ in 0..MOST_STEPS {
        // A story that breaks off in the middle of a step is over.
        if u.is_empty() || story.step(&mut u).is_err() {
            break;
        }
    }
}

struct Story {
    shard: Shard,
    compression: Compression,
    /// Of the server, with the connection that it belongs to.
    deflater: (ConnectionId, Deflater),
}

impl Story {
    fn new(compression: Compression, encoding: Encoding) -> Self {
        let shard = Shard::new(compression, encoding, 7);
        Self { shard, compression, deflater: (ConnectionId::default(), Deflater::new(6)) }
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let step = u.arbitrary::<u8>()?;
        let shard = &mut self.shard;
        // Old sockets may have late words.
        let id = if step & 0x80 == 0 { shard.connection } else { ConnectionId::default().next() };
        match step & 0x0F {
            0 => shard.pass(Duration::from_millis(u.arbitrary::<u16>()?.into())),
            1 => shard.sleep(),
            2 => shard.input(Input::Start),
            3 => shard.input(Input::Opened(id)),
            4 => {
                let close = Close { code: u.arbitrary()?, reason: text(u)?.into() };
                shard.input(Input::Closed(id, Some(close)));
            }
            5 => shard.input(Input::Closed(id, None)),
            6 => shard.input(Input::Failed(id, TransportError::new(text(u)?))),
            7 => {
                let text = text(u)?;
                self.say(id, &text);
            }
            8 => {
                let bytes = bytes(u)?.to_vec();
                shard.input(Input::Received(id, Frame::Binary(bytes)));
            }
            9 => {
                let word = WORDS[usize::from(u.arbitrary::<u8>()?) % WORDS.len()];
                let number = u64::from(u.arbitrary::<u8>()?);
                self.say(id, &word.replace('#', &number.to_string()));
            }
            // A place with `Pause`, as the seeds hold the numbers of the others.
            10 if step & 0x10 != 0 => shard.input(Input::Oversized(id)),
            10 => shard.input(Input::Pause),
            11 => shard.input(Input::Reconnect),
            12 if step & 0x20 != 0 => {
                shard.input(Input::Suspended(Duration::from_secs(u.arbitrary::<u16>()?.into())));
            }
            12 => shard.input(Input::Close { keep_session: step & 0x10 == 0 }),
            13 => {
                let span = Duration::from_millis(u.arbitrary::<u16>()?.into());
                match step & 0x70 {
                    0x70 => {
                        let spent = BudgetSpent { retry_in: span };
                        shard.input(Input::IdentifyAt(Err(spent.into())));
                    }
                    kind => shard.turn(span, kind == 0x60),
                }
            }
            14 if step & 0x40 == 0 => {
                let priority = if step & 0x20 == 0 { Priority::Normal } else { Priority::High };
                let when = match u.arbitrary::<u8>()? % 4 {
                    0 => When::Now,
                    1 => When::Within(Duration::from_millis(u.arbitrary::<u16>()?.into())),
                    _ => When::Whenever,
                };
                let command = Command::UpdatePresence(Presence::default());
                shard.send(&command, SendOptions { priority, when });
            }
            14 => shard.ask(Request::Soundboard(RequestSoundboardSounds {
                guild_ids: vec!["1".into(), "2".into()],
            })),
            _ => shard.pass(Duration::from_secs(u.arbitrary::<u32>()?.into())),
        }
        Ok(())
    }

    /// The server says `text`, as the connection wants it.
    fn say(&mut self, id: ConnectionId, text: &str) {
        // What is no JSON has no form in ETF, and goes out as it is.
        let frame = self.shard.encoding.encode(text.to_owned());
        let frame = frame.unwrap_or_else(|_| Frame::Binary(text.into()));
        let message = match &frame {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        };
        let frame = match self.compression {
            Compression::ZlibStream => {
                if self.deflater.0 != self.shard.connection {
                    self.deflater = (self.shard.connection, Deflater::new(6));
                }
                Frame::Binary(self.deflater.1.message(message))
            }
            Compression::Payload if message.len() >= LONG => Frame::Binary(packed(message)),
            _ => frame,
        };
        self.shard.input(Input::Received(id, frame));
    }
}

fn bytes<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let length = usize::from(u.arbitrary::<u16>()?).min(u.len());
    u.bytes(length)
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(String::from_utf8_lossy(bytes(u)?).into_owned())
}
