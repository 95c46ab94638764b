//! Service `chat.v1.Chat`: both sides talk at the same time.
//!
//! It answers as Joseph Weizenbaum's ELIZA did, with what was said to it.

okra_guest::generate!();

use chat::{Chat, Line, LineReader, LineWriter};
use okra_guest::Error;

struct Eliza;

impl Chat for Eliza {
    fn talk(requests: &LineReader, responses: &LineWriter) -> Result<(), Error> {
        let mut said = 0;
        for line in requests {
            said += 1;
            responses.write(&Line { text: answer(&line?.text) })?;
        }
        responses.write(&Line { text: format!("You said {said} things. Goodbye.") })
    }
}

/// Turns a remark into a question.
fn answer(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', '!', '?']);
    match text.split_once(' ') {
        _ if text.is_empty() => "Please go on.".to_owned(),
        Some(("I", rest)) => format!("Why do you think that you {}?", turned(rest)),
        Some(("My" | "my", rest)) => format!("Tell me more about your {}.", turned(rest)),
        _ => format!("What does \"{text}\" mean to you?"),
    }
}

/// The other side's point of view.
fn turned(text: &str) -> String {
    let word = |word: &str| match word {
        "am" => "are".to_owned(),
        "my" => "your".to_owned(),
        "me" | "I" => "you".to_owned(),
        "you" => "I".to_owned(),
        other => other.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

okra_guest::export!(Eliza);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_become_questions() {
        assert_eq!(answer("I am late."), "Why do you think that you are late?");
        assert_eq!(answer("My cat hates me"), "Tell me more about your cat hates you.");
        assert_eq!(answer(" "), "Please go on.");
    }
}
