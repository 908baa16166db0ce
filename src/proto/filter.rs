//! Which dispatches leave the core. Decides on the name alone, before anything is copied.

/// A filter over event names: lists, as a handful of names is found faster by looking at each. It touches what is delivered, never the life cycle: READY and RESUMED do their work either way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Everything.
    #[default]
    All,
    /// Everything but these.
    Except(Vec<Box<str>>),
    /// Only these.
    Only(Vec<Box<str>>),
}

impl Filter {
    /// Only `names`.
    pub fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Only(names.into_iter().map(Box::from).collect())
    }

    /// Everything but `names`.
    pub fn except<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Except(names.into_iter().map(Box::from).collect())
    }

    /// Whether a dispatch called `name` is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Except(names) => !holds(names, name),
            Self::Only(names) => holds(names, name),
        }
    }
}

fn holds(names: &[Box<str>], name: &str) -> bool {
    names.iter().any(|known| **known == *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide() {
        let names = ["READY", "MESSAGE_CREATE"];
        assert!(Filter::All.wants("TYPING_START"));
        assert!(Filter::only(names).wants("READY") && !Filter::only(names).wants("TYPING_START"));
        assert!(
            !Filter::except(names).wants("READY") && Filter::except(names).wants("TYPING_START")
        );
    }
}
