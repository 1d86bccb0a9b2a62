//! Numbers as models write them.

/// The number that a decimal notation stands for: a sign, digits with a point or not, an exponent.
///
/// As `str::parse` gives it for up to 15 digits and powers of ten up to 22, where a double is exact
/// (W. D. Clinger, "How to read floating point numbers accurately", 1990), else within rounding.
/// `str::parse` is exact for any notation, with 10 kB of tables.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, power) = match unsigned.split_once(['e', 'E']) {
        Some((digits, power)) => (digits, power.parse::<i16>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut number = 0.0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        number = 10.0 * number + f64::from(char::from(byte).to_digit(10)?);
    }
    let power = i32::from(power).saturating_sub(i32::try_from(fraction.len()).ok()?);
    let scale = 10f64.powi(power.abs());
    Some(sign * if power < 0 { number / scale } else { number * scale })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_number_is_none() {
        for text in
            ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "--1", "1 2", "inf", "NaN", "0x1", "١"]
        {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn is_what_the_standard_library_reads(
            text in r"[+-]?([0-9]{1,15}|[0-9]{1,9}\.[0-9]{0,6}|\.[0-9]{1,15})([eE][+-]?[0-7])?",
        ) {
            prop_assert_eq!(parse_number(&text), text.parse().ok());
        }

        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn long_notations_are_near(number in any::<f32>().prop_filter("finite", |n| n.is_finite())) {
            let number = f64::from(number);
            for text in [format!("{number}"), format!("{number:e}")] {
                let found = parse_number(&text).unwrap();
                prop_assert!((found - number).abs() <= 1e-14 * number.abs(), "{text}: {found}");
            }
        }
    }
}
