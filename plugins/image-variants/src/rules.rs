//! The configuration: which images, which variants of them, and how the origin is told.

use selvedge_sdk::prelude::*;
use serde::Deserialize;

/// More variants than this are none that a cache can hold.
const MAX_VARIANTS: usize = 100;

/// How the origin is told which variant to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ask {
    /// By parameters: `/a.jpg?format=avif&width=640`.
    #[default]
    Query,
    /// By an ending of the path: `/a.jpg@640w.avif`.
    Path,
}

/// The plugin's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default = "extensions")]
    extensions: Vec<String>,
    #[serde(default = "formats")]
    formats: Vec<String>,
    #[serde(default = "widths")]
    widths: Vec<u32>,
    #[serde(default)]
    densities: Vec<f64>,
    asked_width: Option<String>,
    #[serde(default)]
    ask: Ask,
    #[serde(default = "format")]
    format_parameter: String,
    #[serde(default = "width")]
    width_parameter: String,
    #[serde(default = "density")]
    density_parameter: String,
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn extensions() -> Vec<String> {
    texts(["jpg", "jpeg", "png"])
}

fn formats() -> Vec<String> {
    texts(["avif", "webp"])
}

fn widths() -> Vec<u32> {
    vec![320, 640, 960, 1280, 1920]
}

fn format() -> String {
    "format".to_owned()
}

fn width() -> String {
    "width".to_owned()
}

fn density() -> String {
    "dpr".to_owned()
}

/// The rules that the hooks follow.
pub(crate) struct Rules {
    /// `.jpg` and so on, in lower case; none where every path is an image's.
    extensions: Option<Vec<String>>,
    /// The best one first.
    pub(crate) formats: Vec<String>,
    /// In pixels of the image, the smallest first.
    pub(crate) widths: Vec<u32>,
    /// In hundredths, the smallest first.
    pub(crate) densities: Vec<u32>,
    pub(crate) asked_width: Option<String>,
    pub(crate) ask: Ask,
    pub(crate) format_parameter: String,
    pub(crate) width_parameter: String,
    pub(crate) density_parameter: String,
}

impl Rules {
    pub(crate) fn new(settings: Settings) -> Result<Rules> {
        let extensions = extensions_of(&settings.extensions)?;
        names("formats", &settings.formats)?;
        let (widths, densities) = (&settings.widths, &settings.densities);
        let variants = (settings.formats.len() + 1) * (widths.len() + densities.len() + 1);
        if settings.extensions.is_empty() || variants == 1 {
            return Err(
                "there is nothing to do: name `extensions`, and `formats`, `widths` or `densities`"
                    .into(),
            );
        }
        if variants > MAX_VARIANTS {
            return Err(format!(
                "{variants} variants of each image are too many: at most {MAX_VARIANTS}"
            )
            .into());
        }
        if !rises(widths) || widths.iter().any(|width| !(1..=16_384).contains(width)) {
            return Err(
                "`widths` takes 1 to 16384 pixels, each step larger than the one before".into(),
            );
        }
        if !rises(densities)
            || densities
                .iter()
                .any(|density| !(0.5..=8.0).contains(density))
        {
            return Err("`densities` takes 0.5 to 8, each step larger than the one before".into());
        }
        if settings.asked_width.is_some() && widths.is_empty() {
            return Err("`asked_width` needs `widths`".into());
        }
        let parameters = [
            &settings.format_parameter,
            &settings.width_parameter,
            &settings.density_parameter,
        ];
        let plain = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if let Some(bad) = parameters
            .into_iter()
            .chain(&settings.asked_width)
            .find(|name| !plain(name))
        {
            return Err(format!(
                "{bad:?} is no parameter's name: it takes letters, digits, `-`, `_` and `.`"
            )
            .into());
        }
        Ok(Rules {
            extensions,
            formats: settings.formats,
            widths: settings.widths,
            densities: settings
                .densities
                .iter()
                .map(|density| hundredths(*density))
                .collect(),
            asked_width: settings.asked_width,
            ask: settings.ask,
            format_parameter: settings.format_parameter,
            width_parameter: settings.width_parameter,
            density_parameter: settings.density_parameter,
        })
    }

    /// Returns true if a request is for an image with variants. The path is not read where it does not matter: what is
    /// read is what a decision is remembered under.
    pub(crate) fn concerns(&self, request: &Request) -> bool {
        let image = self.extensions.as_ref().is_none_or(|extensions| {
            let path = request.path().to_ascii_lowercase();
            extensions.iter().any(|end| path.ends_with(end.as_str()))
        });
        image && matches!(request.method().as_str(), "GET" | "HEAD")
    }
}

/// A density in hundredths; those of the configuration and of viewers are bounded before.
pub(crate) fn hundredths(density: f64) -> u32 {
    (density * 100.0).ceil() as u32
}

/// Returns true if each is larger than the one before. Values that can't be compared count as not larger.
fn rises<T: PartialOrd>(steps: &[T]) -> bool {
    steps.windows(2).all(|pair| pair[0] < pair[1])
}

/// The endings of paths; `"*"` alone is all.
fn extensions_of(typed: &[String]) -> Result<Option<Vec<String>>> {
    if typed == ["*"] {
        return Ok(None);
    }
    if typed.iter().any(|name| name == "*") {
        return Err("`extensions`: \"*\" is all paths already; leave the others out".into());
    }
    names("extensions", typed)?;
    Ok(Some(typed.iter().map(|name| format!(".{name}")).collect()))
}

fn names(key: &str, names: &[String]) -> Result<()> {
    let plain = |name: &String| {
        !name.is_empty()
            && name.len() <= 16
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match names.iter().find(|name| !plain(name)) {
        Some(bad) => Err(format!(
            "`{key}` has {bad:?}: it takes small letters and digits, for instance \"webp\""
        )
        .into()),
        None => Ok(()),
    }
}
