//! What people write, as far as it can be seen.

/// Leaves out the letters that nobody sees and those that turn the direction of a line around: with them a text can
/// look empty, or other than it is. The joiners that emoji and some scripts need stay.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().filter(|letter| !is_hidden(*letter)).collect()
}

fn is_hidden(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'
            | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_deceive_go_and_letters_that_mean_something_stay() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\u{2066}d\u{feff}"), "abcd");
        let family = "\u{1f469}\u{200d}\u{1f467} \u{645}\u{6cc}\u{200c}\u{62e} \u{5e9}\u{5dc}\u{5d5}\u{5dd}";
        assert_eq!(visible(family), family);
    }
}
