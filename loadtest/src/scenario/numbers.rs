//! What a flag that is a number may be: clap takes `nan` and `inf`, and a loop would never end.
//!
//! Knows no scenario.

/// A number of something: zero or more.
pub(crate) fn amount(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number is expected".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("it must be zero or more".to_owned())
    }
}

/// More than zero.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match amount(text)? {
        0.0 => Err("it must be more than zero".to_owned()),
        number => Ok(number),
    }
}

/// A part of a hundred.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match amount(text)? {
        number if number <= 100.0 => Ok(number),
        _ => Err("it must be at most 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_loop_can_use_is_refused() {
        for text in ["nan", "inf", "-1", "x", ""] {
            assert!(
                amount(text).is_err() && positive(text).is_err() && percent(text).is_err(),
                "{text}"
            );
        }
        assert_eq!((amount("0"), amount("1.5")), (Ok(0.0), Ok(1.5)));
        assert_eq!((positive("0").is_err(), positive("0.1")), (true, Ok(0.1)));
        assert_eq!((percent("100"), percent("101").is_err()), (Ok(100.0), true));
    }
}
