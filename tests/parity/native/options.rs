//! The options of the package as a configuration of the crate. Refuses with the package's codes.

use std::time::Duration;

use serde::{Deserialize, de::IgnoredAny};
use shardwire::proto::{
    Compression, Config, ConfigBuilder, Encoding, Filter, IdentifyProperties, Intents, Limits,
    Patience, Presence,
};

use crate::plan::Task;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    intents: IntentsOption,
    url: Option<String>,
    token: Option<String>,
    allow_insecure: Option<bool>,
    shard: Option<(u32, u32)>,
    encoding: Option<String>,
    compression: Option<String>,
    filter: Option<FilterOption>,
    presence: Option<Presence>,
    capabilities: Option<u64>,
    version: Option<u8>,
    keep_url: Option<bool>,
    large_threshold: Option<u16>,
    properties: Option<PropertiesOption>,
    limits: Option<LimitsOption>,
    patience: Option<PatienceOption>,
    /// In Rust, data is always text that is already decoded.
    #[serde(rename = "raw")]
    _raw: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IntentsOption {
    Bits(u64),
    Names(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum FilterOption {
    Only(Vec<Box<str>>),
    Except(Vec<Box<str>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PropertiesOption {
    os: Option<String>,
    browser: Option<String>,
    device: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsOption {
    waiting_commands: Option<usize>,
    command_bytes: Option<usize>,
    message_bytes: Option<usize>,
    inflated_bytes: Option<usize>,
    open_requests: Option<usize>,
    answer_bytes: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatienceOption {
    connect: Option<u64>,
    hello: Option<u64>,
    ready: Option<u64>,
    resumed: Option<u64>,
    close: Option<u64>,
    backoff_first: Option<u64>,
    backoff_longest: Option<u64>,
    resume_host_failures: Option<u32>,
    resume_failures: Option<u32>,
}

const BAD_OPTIONS: &str = "bad-options";

/// A builder with all but the hooks, or the code of a refusal.
pub fn read(task: &Task) -> Result<ConfigBuilder, &'static str> {
    let options: Options =
        serde_json::from_str(task.plan.options.get()).map_err(|_| BAD_OPTIONS)?;
    let intents = intents(options.intents)?;
    let token = options.token.unwrap_or_else(|| task.token.clone());
    let mut builder = Config::builder(token, intents)
        .url(options.url.unwrap_or_else(|| task.url.clone()))
        .allow_insecure(options.allow_insecure.unwrap_or_default())
        .keep_url(options.keep_url.unwrap_or_default())
        .capabilities(options.capabilities.unwrap_or_default());
    if let Some((number, total)) = options.shard {
        builder = builder.shard(number, total);
    }
    if let Some(name) = options.encoding {
        builder = builder.encoding(Encoding::from_name(&name).ok_or(BAD_OPTIONS)?);
    }
    // The package's default, which is another than that of a build with zstd.
    let compression = options.compression.as_deref().unwrap_or("zlib-stream");
    builder = builder.compression(Compression::from_name(compression).ok_or(BAD_OPTIONS)?);
    builder = match options.filter {
        Some(FilterOption::Only(names)) => {
            builder.filter(Filter::Only(names.into_iter().collect()))
        }
        Some(FilterOption::Except(names)) => {
            builder.filter(Filter::Except(names.into_iter().collect()))
        }
        None => builder,
    };
    if let Some(presence) = options.presence {
        builder = builder.presence(presence);
    }
    if let Some(version) = options.version {
        builder = builder.version(version);
    }
    if let Some(members) = options.large_threshold {
        builder = builder.large_threshold(members);
    }
    if let Some(given) = options.properties {
        builder = builder.properties(properties(given));
    }
    if let Some(given) = options.limits {
        builder = builder.limits(limits(&given));
    }
    if let Some(given) = options.patience {
        builder = builder.patience(patience(&given));
    }
    Ok(builder)
}

fn intents(given: IntentsOption) -> Result<Intents, &'static str> {
    match given {
        IntentsOption::Bits(bits) => Ok(Intents::from_bits(bits)),
        IntentsOption::Names(names) => names.iter().try_fold(Intents::NONE, |all, name| {
            Intents::from_name(name).map(|one| all | one).ok_or("bad-intents")
        }),
    }
}

fn properties(given: PropertiesOption) -> IdentifyProperties {
    let default = IdentifyProperties::default();
    IdentifyProperties {
        os: given.os.unwrap_or(default.os),
        browser: given.browser.unwrap_or(default.browser),
        device: given.device.unwrap_or(default.device),
    }
}

fn limits(given: &LimitsOption) -> Limits {
    let default = Limits::default();
    Limits {
        waiting_commands: given.waiting_commands.unwrap_or(default.waiting_commands),
        command_bytes: given.command_bytes.unwrap_or(default.command_bytes),
        message_bytes: given.message_bytes.unwrap_or(default.message_bytes),
        inflated_bytes: given.inflated_bytes.unwrap_or(default.inflated_bytes),
        open_requests: given.open_requests.unwrap_or(default.open_requests),
        answer_bytes: given.answer_bytes.unwrap_or(default.answer_bytes),
    }
}

fn patience(given: &PatienceOption) -> Patience {
    let default = Patience::default();
    let span = |ms: Option<u64>, default| ms.map_or(default, Duration::from_millis);
    Patience {
        connect: span(given.connect, default.connect),
        hello: span(given.hello, default.hello),
        ready: span(given.ready, default.ready),
        resumed: span(given.resumed, default.resumed),
        close: span(given.close, default.close),
        backoff_first: span(given.backoff_first, default.backoff_first),
        backoff_longest: span(given.backoff_longest, default.backoff_longest),
        resume_host_failures: given.resume_host_failures.unwrap_or(default.resume_host_failures),
        resume_failures: given.resume_failures.unwrap_or(default.resume_failures),
    }
}
