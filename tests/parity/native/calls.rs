//! What a plan calls by the package's names, as the crate has it. Waits for nothing.

use std::time::Duration;

use futures::{StreamExt as _, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shardwire::{
    driver::{Collecting, DiscoverError, Discovery, GatewayInfo, ShardHandle},
    native::{self, ConnectOptions},
    proto::{
        Command, CommandError, Frame, Opcode, Priority, Reply, Request, RequestChannelInfo,
        RequestOptions, RequestSoundboardSounds, SendOptions, Token, VoiceState, When,
    },
};

use crate::{
    plan::{Step, Task},
    seen,
};

/// What becomes of a call, and the number that takes it back.
pub struct Begun {
    pub number: Option<u64>,
    pub outcome: BoxFuture<'static, Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct How {
    priority: Option<String>,
    when: Option<Waiting>,
    timeout_ms: Option<u64>,
    deadline_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Waiting {
    Word(String),
    #[serde(rename_all = "camelCase")]
    Within {
        within_ms: u64,
    },
}

const BAD_COMMAND: &str = "bad-command";

/// Sends a command; `Err` is the code of what the package throws.
pub fn command(step: &Step, handle: &ShardHandle) -> Option<Result<Begun, &'static str>> {
    let command = match step.call.as_str() {
        "updatePresence" => step.read(0).map(Command::UpdatePresence),
        "updateVoiceState" => step.read(0).map(Command::UpdateVoiceState),
        "requestGuildMembers" => step.read(0).map(Command::RequestGuildMembers),
        "requestSoundboardSounds" => step.read(0).map(|guild_ids| {
            Command::RequestSoundboardSounds(RequestSoundboardSounds { guild_ids })
        }),
        "requestChannelInfo" => step.read(0).map(Command::RequestChannelInfo),
        "send" => {
            step.read(0).and_then(|opcode| Command::raw(Opcode(opcode), step.argument(1)).ok())
        }
        "sendEncoded" => encoded(step).map(Command::Encoded),
        _ => return None,
    };
    Some(command.ok_or(BAD_COMMAND).and_then(|command| send(step, &command, handle)))
}

fn send(step: &Step, command: &Command, handle: &ShardHandle) -> Result<Begun, &'static str> {
    let How { priority, when, .. } = how(step).ok_or(BAD_COMMAND)?;
    let when = match when {
        None => When::Whenever,
        Some(Waiting::Word(word)) if word == "whenever" => When::Whenever,
        Some(Waiting::Word(word)) if word == "now" => When::Now,
        Some(Waiting::Word(_)) => return Err(BAD_COMMAND),
        Some(Waiting::Within { within_ms }) => When::Within(Duration::from_millis(within_ms)),
    };
    let options = SendOptions { priority: to_priority(priority.as_deref())?, when };
    let sending = handle.send_with(command, options).map_err(|error| error.code())?;
    Ok(Begun {
        number: Some(sending.number()),
        outcome: Box::pin(async move {
            sending.await.map_or_else(|error| rejected(error.code()), |()| json!("sent"))
        }),
    })
}

/// Asks a question; what is wrong with it is told by its outcome, as in the package.
pub fn question(step: &Step, handle: &ShardHandle) -> Option<Begun> {
    let request = match step.call.as_str() {
        "fetchMembers" => step.read(0).map(Request::Members),
        "fetchSoundboardSounds" => {
            step.read(0).map(|guild_ids| Request::Soundboard(RequestSoundboardSounds { guild_ids }))
        }
        "fetchChannelInfo" => step.read::<RequestChannelInfo>(0).map(Request::ChannelInfo),
        "joinVoice" => step
            .read::<VoiceState>(0)
            .filter(|state| state.channel_id.is_some())
            .map(Request::Voice),
        "leaveVoice" => step.read(0).map(|guild_id| {
            let (self_mute, self_deaf) = (false, false);
            Request::Voice(VoiceState { guild_id, channel_id: None, self_mute, self_deaf })
        }),
        _ => return None,
    };
    let kind = step.call.clone();
    Some(match ask(step, request, handle) {
        Ok(collecting) => Begun {
            number: Some(collecting.number()),
            outcome: Box::pin(async move { collect(&kind, collecting).await }),
        },
        Err(code) => Begun { number: None, outcome: Box::pin(async move { rejected(code) }) },
    })
}

fn ask(
    step: &Step,
    request: Option<Request>,
    handle: &ShardHandle,
) -> Result<Collecting, &'static str> {
    let How { priority, timeout_ms, deadline_ms, .. } = how(step).ok_or(BAD_COMMAND)?;
    let default = RequestOptions::default();
    let options = RequestOptions {
        priority: to_priority(priority.as_deref())?,
        timeout: timeout_ms.map_or(default.timeout, Duration::from_millis),
        deadline: deadline_ms.map_or(default.deadline, Duration::from_millis),
    };
    let request = request.ok_or(BAD_COMMAND)?;
    handle.request(request, options).map_err(|error: CommandError| error.code())
}

/// The answer in the shape that the package gives it.
async fn collect(kind: &str, mut replies: Collecting) -> Value {
    let mut parts: Vec<(Box<str>, Value)> = Vec::new();
    let mut progress: Vec<Value> = Vec::new();
    while let Some(reply) = replies.next().await {
        match reply {
            Reply::Done => return json!({"answer": answer(kind, &parts), "progress": progress}),
            Reply::Failed(error) => return rejected(error.code()),
            Reply::Part(part) => {
                progress.push(json!([part.received, part.expected]));
                parts.push((part.name.clone(), seen::part(part)));
            }
            Reply::Restarted => parts.clear(),
        }
    }
    rejected(CommandError::Stopped.code())
}

fn answer(kind: &str, parts: &[(Box<str>, Value)]) -> Value {
    let all = |field: &str| -> Vec<Value> {
        let lists = parts.iter().filter_map(|(_, data)| data[field].as_array());
        lists.flatten().cloned().collect()
    };
    let of = |wanted: &str| {
        let part = parts.iter().rev().find(|(name, _)| **name == *wanted);
        part.map_or(Value::Null, |(_, data)| data.clone())
    };
    match kind {
        "fetchMembers" => json!({
            "members": all("members"),
            "presences": all("presences"),
            "notFound": all("not_found").iter().map(in_text).collect::<Vec<_>>(),
        }),
        "fetchSoundboardSounds" => {
            let by_guild = parts
                .iter()
                .map(|(_, data)| (in_text(&data["guild_id"]), data["soundboard_sounds"].clone()));
            by_guild.collect::<Map<_, _>>().into()
        }
        "fetchChannelInfo" => of("CHANNEL_INFO")["channels"].clone(),
        "joinVoice" => {
            json!({"state": of("VOICE_STATE_UPDATE"), "server": of("VOICE_SERVER_UPDATE")})
        }
        _ => of("VOICE_STATE_UPDATE"),
    }
}

/// Asks where the gateway is.
pub fn discover(step: &Step, task: &Task) -> Begun {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        token: Option<String>,
        url: Option<String>,
        path: Option<String>,
    }
    let Asked { token, url, path } = step.read(0).unwrap_or_default();
    let path = path.as_deref().unwrap_or("/api/v10");
    let url = url.unwrap_or_else(|| task.url.replacen("ws:", "http:", 1) + path);
    let token = token.map(|token| if token == "ours" { task.token.clone() } else { token });
    Begun {
        number: None,
        outcome: Box::pin(async move {
            let discovery = match token.map(|token| Token::new(&token)).transpose() {
                Ok(token) => token.map_or_else(Discovery::public, Discovery::bot).api_url(url),
                Err(error) => return rejected(error.code()),
            };
            let options = ConnectOptions::new();
            let found: Result<GatewayInfo, DiscoverError> =
                native::discover_gateway(&discovery, &options).await;
            found.map_or_else(
                |error| rejected(error.code()),
                |found| json!({"answer": discovered(&found)}),
            )
        }),
    }
}

fn discovered(found: &GatewayInfo) -> Value {
    let Some(bot) = found.bot else { return json!({"url": found.url}) };
    let limit = bot.session_start_limit;
    json!({
        "url": found.url,
        "shards": bot.shards,
        "sessionStartLimit": {
            "total": limit.total,
            "remaining": limit.remaining,
            "resetAfterMs": limit.reset_after_ms,
            "maxConcurrency": limit.max_concurrency,
        },
    })
}

/// A whole message: a text, or bytes as `{ hex }`.
fn encoded(step: &Step) -> Option<Frame> {
    #[derive(Deserialize)]
    #[serde(untagged, deny_unknown_fields)]
    enum Message {
        Text(String),
        Bytes { hex: String },
    }
    match step.read(0)? {
        Message::Text(text) => Some(Frame::Text(text)),
        Message::Bytes { hex } => {
            let pairs = (0..hex.len()).step_by(2).map(|at| hex.get(at..at + 2));
            let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok());
            bytes.collect::<Option<_>>().map(Frame::Binary)
        }
    }
}

fn how(step: &Step) -> Option<How> {
    match &step.how {
        Some(how) => serde_json::from_str(how.get()).ok(),
        None => Some(How::default()),
    }
}

fn to_priority(word: Option<&str>) -> Result<Priority, &'static str> {
    match word {
        None | Some("normal") => Ok(Priority::Normal),
        Some("high") => Ok(Priority::High),
        Some(_) => Err(BAD_COMMAND),
    }
}

fn rejected(code: &str) -> Value {
    format!("rejected {code}").into()
}

/// A text, or the digits of a number.
fn in_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
