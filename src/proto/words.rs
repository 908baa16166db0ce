//! Sentences out of their pieces. Knows none of them.
//!
//! Apart from `std::fmt`, whose machinery and whose lists of arguments took 2 KB of what browsers download.

/// Something that has words.
pub(crate) trait Say {
    /// Appends its words to `out`.
    fn say(&self, out: &mut String);

    /// Its words.
    fn said(&self) -> String {
        let mut out = String::new();
        self.say(&mut out);
        out
    }
}

/// Appends pieces to a text, one after the other.
macro_rules! say {
    ($out:expr, $($piece:expr),+ $(,)?) => {{
        let out: &mut String = $out;
        $($crate::proto::words::Say::say(&$piece, out);)+
    }};
}

/// Makes what can be said be printed too.
macro_rules! displayed {
    ($($kind:ty),+ $(,)?) => {
        $(
            impl std::fmt::Display for $kind {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&$crate::proto::words::Say::said(self))
                }
            }
        )+
    };
}

pub(crate) use {displayed, say};

impl Say for str {
    fn say(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl<T: Say + ?Sized> Say for &T {
    fn say(&self, out: &mut String) {
        (**self).say(out);
    }
}

impl Say for u64 {
    fn say(&self, out: &mut String) {
        push_digits(out, *self, 10, 1);
    }
}

impl Say for u32 {
    fn say(&self, out: &mut String) {
        u64::from(*self).say(out);
    }
}

impl Say for u16 {
    fn say(&self, out: &mut String) {
        u64::from(*self).say(out);
    }
}

impl Say for usize {
    fn say(&self, out: &mut String) {
        (*self as u64).say(out);
    }
}

/// A number in the digits of 16.
pub(crate) struct Hex {
    pub number: u64,
    /// How many digits there are at least.
    pub width: usize,
}

impl Say for Hex {
    fn say(&self, out: &mut String) {
        push_digits(out, self.number, 16, self.width);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a digit is small")]
fn push_digits(out: &mut String, mut number: u64, base: u32, width: usize) {
    let start = out.len();
    while number > 0 || out.len() < start + width {
        let digit = char::from_digit((number % u64::from(base)) as u32, base);
        // Each is a digit, so each is there.
        out.insert(start, digit.unwrap_or_default());
        number /= u64::from(base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_std_writes_them() {
        for number in [0, 1, 9, 10, 15, 16, 255, 1 << 32, u64::MAX] {
            assert_eq!(number.said(), number.to_string());
            assert_eq!(Hex { number, width: 8 }.said(), format!("{number:08x}"));
            assert_eq!(Hex { number, width: 1 }.said(), format!("{number:x}"));
        }
    }

    #[test]
    fn pieces_come_one_after_the_other() {
        let mut text = "so: ".to_owned();
        say!(&mut text, "a", 1_u32, "of ", 20_usize);
        assert_eq!(text, "so: a1of 20");
    }
}
