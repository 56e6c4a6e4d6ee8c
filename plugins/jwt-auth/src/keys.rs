//! The keys, and what a signature is verified with.
//!
//! A key is made for the one algorithm of the configuration, so no token can have it used in another way: a public key
//! is never the secret of an HMAC.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa;
use p256::pkcs8::DecodePublicKey;
use rsa::pkcs1v15;
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts;
use selvedge_sdk::prelude::*;
use sha2::Sha256;

use crate::settings::{Algorithm, Encoding, KeySettings};

/// RFC 7518, section 3.2: a key of the hash's size or larger.
const MIN_SECRET: usize = 32;
/// RFC 7518, section 3.3.
const MIN_MODULUS: usize = 2048;
/// The largest modulus: verifying stays within a call's limits.
const MAX_MODULUS: usize = 4096;
/// The number of keys tried for a token that names none.
const MAX_KEYS: usize = 8;

/// One key with the name by which tokens ask for it.
pub(crate) struct Key {
    id: Option<String>,
    verifies: Verifies,
}

enum Verifies {
    Hs256(Hmac<Sha256>),
    Es256(Box<ecdsa::VerifyingKey>),
    Rs256(Box<pkcs1v15::VerifyingKey<Sha256>>),
}

/// Makes all keys, or says what is wrong with one.
pub(crate) fn read(
    algorithm: Algorithm,
    encoding: Encoding,
    keys: Vec<KeySettings>,
) -> Result<Vec<Key>> {
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(format!("`keys` takes 1 to {MAX_KEYS} keys").into());
    }
    let numbered = keys.into_iter().enumerate();
    numbered
        .map(|(index, key)| {
            let verifies = one(algorithm, encoding, &key)
                .map_err(|error| Error::Message(format!("`keys[{index}]`: {error}")))?;
            Ok(Key {
                id: key.id,
                verifies,
            })
        })
        .collect()
}

/// The keys that a token with this `kid` may be signed with: those of that name; else those without a name. A
/// token that names none may be signed with any.
pub(crate) fn candidates<'k>(keys: &'k [Key], kid: Option<&str>) -> Vec<&'k Key> {
    let Some(kid) = kid else {
        return keys.iter().collect();
    };
    let named: Vec<&Key> = keys
        .iter()
        .filter(|key| key.id.as_deref() == Some(kid))
        .collect();
    if named.is_empty() {
        keys.iter().filter(|key| key.id.is_none()).collect()
    } else {
        named
    }
}

impl Key {
    /// Returns true if this key made the signature over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifies {
            Verifies::Hs256(mac) => {
                let mut mac = mac.clone();
                mac.update(message);
                // In constant time.
                mac.verify_slice(signature).is_ok()
            }
            Verifies::Es256(key) => ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Verifies::Rs256(key) => pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

fn one(algorithm: Algorithm, encoding: Encoding, key: &KeySettings) -> Result<Verifies> {
    let bytes = match (&key.secret, &key.public_key) {
        (Some(name), None) => secrets::require(name)?,
        (None, Some(pem)) if algorithm != Algorithm::HS256 => pem.clone().into_bytes(),
        (None, Some(_)) => {
            return Err("HS256 has no public keys; name a secret, or choose ES256 or RS256".into());
        }
        _ => return Err("it has either `secret` or `public_key`".into()),
    };
    match algorithm {
        Algorithm::HS256 => hs256(&bytes, encoding),
        Algorithm::ES256 => es256(&bytes),
        Algorithm::RS256 => rs256(&bytes),
    }
}

fn hs256(bytes: &[u8], encoding: Encoding) -> Result<Verifies> {
    let secret = match encoding {
        Encoding::Raw => bytes.to_vec(),
        Encoding::Base64 => base64(bytes).ok_or("the secret is no base64")?,
    };
    // Somebody who names the file of a public key here would have its holders sign.
    if bytes.starts_with(b"-----BEGIN") {
        return Err("HS256 takes a shared secret, and this is a PEM file".into());
    }
    if secret.len() < MIN_SECRET {
        return Err(format!(
            "the secret has {} bytes; HS256 needs {MIN_SECRET} or more (RFC 7518, section 3.2)",
            secret.len()
        )
        .into());
    }
    let mac = Hmac::new_from_slice(&secret).map_err(|error| Error::Message(error.to_string()))?;
    Ok(Verifies::Hs256(mac))
}

fn es256(bytes: &[u8]) -> Result<Verifies> {
    let key = ecdsa::VerifyingKey::from_public_key_pem(text(bytes)?)
        .map_err(|error| format!("ES256 takes a public key on P-256 as PEM: {error}"))?;
    Ok(Verifies::Es256(Box::new(key)))
}

fn rs256(bytes: &[u8]) -> Result<Verifies> {
    let key = rsa::PublicKey::from_public_key_pem(text(bytes)?)
        .map_err(|error| format!("RS256 takes a public RSA key as PEM: {error}"))?;
    let bits = key.n().bit_width() as usize;
    if !(MIN_MODULUS..=MAX_MODULUS).contains(&bits) {
        return Err(
            format!("the key has {bits} bits; RS256 takes {MIN_MODULUS} to {MAX_MODULUS}").into(),
        );
    }
    Ok(Verifies::Rs256(Box::new(pkcs1v15::VerifyingKey::new(key))))
}

/// A PEM file; what stands around it is not looked at.
fn text(bytes: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(bytes)?.trim();
    if !text.starts_with("-----BEGIN PUBLIC KEY-----") {
        return Err("it is no PEM file that begins with `-----BEGIN PUBLIC KEY-----`".into());
    }
    Ok(text)
}

/// Base64 of either alphabet, with or without padding and line ends.
fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard: Vec<u8> = bytes
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    GeneralPurpose::new(&alphabet::STANDARD, config)
        .decode(standard)
        .ok()
}
