//! A bridge to the crate `twilight-model`: our dispatches as its types, its commands as ours. Knows no connection, and decides
//! nothing.
//!
//! ```
//! use shardwire::twilight::{TypedError, TypedDispatch as _};
//! # use shardwire::proto::Dispatch;
//! use twilight_model::gateway::event::DispatchEvent;
//!
//! # fn show(dispatch: &Dispatch) {
//! match dispatch.typed() {
//!     Ok(DispatchEvent::MessageCreate(message)) => println!("{}", message.content),
//!     Ok(_) => {}
//!     // Discord invents events faster than models are published.
//!     Err(TypedError::Unknown { name }) => println!("{name} is new: {}", dispatch.data),
//!     Err(error) => eprintln!("{error}"),
//! }
//! # }
//! ```

use std::{error::Error, fmt};

use serde::{Serialize, de::DeserializeSeed as _};
use twilight_model::gateway::{
    event::{DispatchEvent, DispatchEventWithTypeDeserializer},
    payload::outgoing::{RequestGuildMembers, UpdatePresence, UpdateVoiceState},
};

use crate::proto::{Command, Dispatch, Json, Opcode};

/// The way from a [`Dispatch`] to the types of `twilight-model`.
pub trait TypedDispatch {
    /// The event as the model has it. Its data is read now: hand it on rather than ask again.
    ///
    /// # Errors
    ///
    /// [`TypedError`], if the model has no such event or says that it looks otherwise. The dispatch keeps its data.
    fn typed(&self) -> Result<DispatchEvent, TypedError>;
}

impl TypedDispatch for Dispatch {
    fn typed(&self) -> Result<DispatchEvent, TypedError> {
        let seed = DispatchEventWithTypeDeserializer::new(&self.name);
        let mut data = serde_json::Deserializer::from_str(&self.data);
        let event = seed.deserialize(&mut data).and_then(|event| data.end().map(|()| event));
        event.map_err(|error| {
            let name = self.name.clone();
            if is_known(&self.name) {
                TypedError::Mismatch { name, error }
            } else {
                TypedError::Unknown { name }
            }
        })
    }
}

/// Why a dispatch has no type.
#[derive(Debug)]
#[non_exhaustive]
pub enum TypedError {
    /// The model knows the event, but its data looks otherwise.
    Mismatch {
        /// The event's name.
        name: Box<str>,
        /// What the model expected, and where.
        error: serde_json::Error,
    },
    /// The model knows no such event.
    Unknown {
        /// The event's name.
        name: Box<str>,
    },
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { name, error } => {
                write!(f, "expected {name} to look as twilight-model knows it: {error}")
            }
            Self::Unknown { name } => {
                write!(f, "expected an event that twilight-model knows, got {name}")
            }
        }
    }
}

impl Error for TypedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Mismatch { error, .. } => Some(error),
            Self::Unknown { .. } => None,
        }
    }
}

/// Goes out with opcode 8, as it stands.
impl From<&RequestGuildMembers> for Command {
    fn from(request: &RequestGuildMembers) -> Self {
        raw(Opcode::REQUEST_GUILD_MEMBERS, &request.d)
    }
}

/// Goes out with opcode 3, as it stands.
impl From<&UpdatePresence> for Command {
    fn from(update: &UpdatePresence) -> Self {
        raw(Opcode::PRESENCE_UPDATE, &update.d)
    }
}

/// Goes out with opcode 4, as it stands.
impl From<&UpdateVoiceState> for Command {
    fn from(update: &UpdateVoiceState) -> Self {
        raw(Opcode::VOICE_STATE_UPDATE, &update.d)
    }
}

fn raw(opcode: Opcode, data: &impl Serialize) -> Command {
    let text = serde_json::to_string(data).expect("the model's commands are plain data");
    Command::Raw(opcode, Json::trusted(text))
}

/// Whether the model has an event of this name. It says so by reading its data: without any, only an unknown event fails for
/// another reason than that.
fn is_known(name: &str) -> bool {
    let mut nothing = serde_json::Deserializer::from_str("");
    let seed = DispatchEventWithTypeDeserializer::new(name);
    seed.deserialize(&mut nothing).is_err_and(|error| error.is_eof())
}
