//! "Did you mean …?": the known word that is nearest to what was written.

/// The candidate that somebody most likely meant, if any is near enough.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(word.chars().count()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The way out when a word is not one of the known ones.
pub(super) fn way_out(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if known.is_empty() => "Take it out.".to_owned(),
        None => format!("Known here: {}.", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["signing_secret", "bot_token", "sre"];
        assert_eq!(nearest("signing_secrt", known), Some("signing_secret"));
        assert_eq!(nearest("botToken", known), Some("bot_token"));
        assert_eq!(nearest("SRE", known), Some("sre"));
        assert_eq!(nearest("colour", known), None);
    }
}
