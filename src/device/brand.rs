//! Who sells and who makes: by words in what devices say, and by the clouds whose names they ask for.
//!
//! The tables are `data/vendors/brands.csv` and `names.csv`, each line with its certainty and source.

use std::sync::LazyLock;

use ahash::AHashMap;

use super::facts::Certainty;

/// What a word tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Brand {
    /// Who sells it, by the short name; none where the word is the firmware's.
    pub(super) seller: Option<&'static str>,
    /// Who makes it, by the short name, where that is known.
    pub(super) maker: Option<&'static str>,
    /// How sure the maker is.
    pub(super) certainty: Certainty,
}

/// The table of brands.
#[derive(Debug)]
pub(super) struct Brands {
    /// Word, in lower case, and what it tells.
    words: Vec<(&'static str, Brand)>,
    by_brand: AHashMap<&'static str, Brand>,
}

static BRANDS: LazyLock<Brands> = LazyLock::new(|| Brands::parse(include_str!("../../data/vendors/brands.csv")));

fn certainty(word: &str) -> Option<Certainty> {
    match word {
        "sure" => Some(Certainty::Sure),
        "likely" => Some(Certainty::Likely),
        "unverified" => Some(Certainty::Unverified),
        _ => None,
    }
}

fn some(text: &'static str) -> Option<&'static str> {
    Some(text).filter(|text| !text.is_empty())
}

impl Brands {
    /// The table that camwatch is built with.
    pub(super) fn built_in() -> &'static Self {
        &BRANDS
    }

    fn parse(csv: &'static str) -> Self {
        let mut words = Vec::new();
        let mut by_brand = AHashMap::new();
        for line in csv.lines().skip(1) {
            let mut columns = line.splitn(5, ',');
            let (Some(all), Some(brand), Some(maker)) = (columns.next(), columns.next(), columns.next()) else {
                continue;
            };
            let Some(certainty) = columns.next().and_then(certainty) else { continue };
            let brand = Brand { seller: some(brand), maker: some(maker), certainty };
            words.extend(all.split('|').map(|word| (word, brand)));
            by_brand.extend(brand.seller.map(|name| (name, brand)));
        }
        Self { words, by_brand }
    }

    /// The brand that a text speaks of: the first word of the table that stands in it as a word.
    pub(super) fn in_text(&self, text: &str) -> Option<Brand> {
        let lower: String = text.chars().take(256).collect::<String>().to_lowercase();
        self.words.iter().find(|(word, _)| stands_in(&lower, word)).map(|(_, brand)| *brand)
    }

    /// What is known of a brand.
    pub(super) fn of(&self, brand: &str) -> Option<Brand> {
        self.by_brand.get(brand).copied()
    }
}

fn stands_in(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphabetic)
    })
}

/// The names of makers' clouds.
#[derive(Debug)]
pub(super) struct CloudNames {
    by_suffix: AHashMap<&'static str, &'static str>,
    longest: usize,
}

static NAMES: LazyLock<CloudNames> = LazyLock::new(|| CloudNames::parse(include_str!("../../data/vendors/names.csv")));

impl CloudNames {
    /// The table that camwatch is built with.
    pub(super) fn built_in() -> &'static Self {
        &NAMES
    }

    fn parse(csv: &'static str) -> Self {
        let lines = csv.lines().skip(1);
        let by_suffix: AHashMap<_, _> = lines
            .filter_map(|line| {
                let mut columns = line.splitn(3, ',');
                Some((columns.next()?, columns.next()?))
            })
            .collect();
        let longest = by_suffix.keys().map(|suffix| suffix.len()).max().unwrap_or(0);
        Self { by_suffix, longest }
    }

    /// The maker whose cloud a name is of: in lower case, without a final dot.
    pub(super) fn vendor(&self, name: &str) -> Option<&'static str> {
        let mut rest = name;
        loop {
            if rest.len() <= self.longest
                && let Some(vendor) = self.by_suffix.get(rest)
            {
                return Some(vendor);
            }
            rest = rest.split_once('.')?.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_taken() {
        let lines = include_str!("../../data/vendors/brands.csv").lines().skip(1);
        for line in lines {
            assert_eq!(line.splitn(5, ',').count(), 5, "{line}");
            assert!(certainty(line.split(',').nth(3).unwrap()).is_some(), "{line}");
        }
        let lines: Vec<&str> = include_str!("../../data/vendors/names.csv").lines().skip(1).collect();
        assert_eq!(CloudNames::built_in().by_suffix.len(), lines.len());
        for line in lines {
            assert!(certainty(line.split(',').nth(3).unwrap()).is_some(), "{line}");
        }
    }

    #[test]
    fn brand_and_maker_are_two_things() {
        let told = |text: &str| Brands::built_in().in_text(text).map(|brand| (brand.seller, brand.maker));
        assert_eq!(told("AXIS P3245-LVE"), Some((Some("axis"), Some("axis"))));
        assert_eq!(told("Lorex 4K"), Some((Some("lorex"), Some("dahua"))));
        assert_eq!(told("DNVRS-Webs"), Some((None, Some("hikvision"))));
        assert_eq!(told("Honeywell 30 Series"), Some((Some("honeywell"), None)));
        assert_eq!(told("praxis manager"), None, "a word within a word");
    }

    #[test]
    fn names_are_told_by_whole_labels() {
        let vendor = |name: &str| CloudNames::built_in().vendor(name);
        assert_eq!(vendor("litedev.hik-connect.com"), Some("hikvision"));
        assert_eq!(vendor("hik-connect.com"), Some("hikvision"));
        assert_eq!(vendor("nohik-connect.com"), None);
        assert_eq!(vendor("com"), None);
    }
}
