//! Tokens of every kind of key, and every way in which one is refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use super::{Grant, KeyError, Keys, Refusal};
use crate::moq_lite::Origin;

/// Public keys and a token of each, made with another library: everything below `studio` may be read, `studio/cam` written.
const FOREIGN: &[(&str, &str)] = &[
    (
        r#"{"n": "onnHQuWLN1CCDcO-jbOIvZHVBwleiydyOcKhFpEJLH0QMuF1Cc8YJxL23edWMBu7mInS0owowgp3aFgnUDwYU0JPVg_l5rAJs6ynaUsns9wUF2JUxKr6R_A_w4-kEikdl1wKOrEIjm6j572aDf6WWiWpwoSiurLwuCjVDLruOoBb3xhFD1Bcc7v5uOeUKB1ICeEGzR3hXvuGDX2a2jufyi057fmWQhyXH8XcQj_h30A7vN67J0N5zUfOH9-KXPZj-pj04TNtXH8EUen0pF7iQ_PkHFbJG_ds24eBlz9coqjxBnH67aFj5_W1y1mx3_KM1R9osLj9nKJuqKxxi19EyQ", "e": "AQAB", "kty": "RSA"}"#,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJyb290Ijoic3R1ZGlvIiwicHV0IjpbImNhbSJdLCJnZXQiOiIiLCJleHAiOjQxMDI0NDQ4MDB9.gbzXirfpaZ-NMro_pLuAyMtxwpRXljubrScauvHFRhE0JQ2wsNQSLizwYiChciYpo11TPNihWXlelP-y_5ylGHFs6RVV-GI_tupclBpbVYvCrg0sWw-tU05oraJFrlThoTdYzujDEYxw9Ef1Oe6lkMDFTqiEe9uKMFXl6VtSFiyNR8pWs6NihIvuGR20AfMto7-bWmoUsUY9u0qoozYelgMpWBC0QDOkasSc2vtXNHsIbRKkFSHaN9x1utQ4dQaJC7CsXNnCSTNHP_Jzlv2a_6YjRxkxGt9q97FbCg3FndcKvier2NjYJBD94mH4Xg-H7j3XAPkergJavME4HWvhNQ",
    ),
    (
        r#"{"crv": "P-256", "x": "E7NjkPIs411QCTJa5_zTZpDtv-tuJDBFgAD7Q_Vm824", "y": "OJaUetlqoEDIyRBIHtoXPMeEDeIGPz4WU9xO4LUH9XE", "kty": "EC"}"#,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJyb290Ijoic3R1ZGlvIiwicHV0IjpbImNhbSJdLCJnZXQiOiIiLCJleHAiOjQxMDI0NDQ4MDB9.446wxc1zt3vt-njBgU_3s3NDJ-wkTzDJD-A7AoEiIytYsjWw3_pl2S8m47keqqF2c7mTW1beQnN3SRq7NQoc-w",
    ),
    (
        r#"{"crv": "Ed25519", "x": "iMQ6exdJiSnJ6pRlREAeDPdITyZmlwCboqK8ce-Jf64", "kty": "OKP"}"#,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJyb290Ijoic3R1ZGlvIiwicHV0IjpbImNhbSJdLCJnZXQiOiIiLCJleHAiOjQxMDI0NDQ4MDB9.YEtJw9J4JRieWePBgpdVB35WMrc_sbb8DxcyhSQ9wtYYVRJgvCCW7OuTSiTkLOw3MPJQerWEneEiEcCV6NXEAA",
    ),
    (
        r#"{"crv": "P-384", "x": "IlXpryquwpD0_wP4xdp31PSxHKN602WKv50WlrO5JyIGrH2TeeEXftnlHrwoXoLr", "y": "o_QMjfmSOUaCUkTU8b2kOMJESrlXPTJ5ZlfvtoAoY8Mo1hdX7V5HkYFt02HfwkkZ", "kty": "EC"}"#,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzM4NCJ9.eyJyb290Ijoic3R1ZGlvIiwicHV0IjpbImNhbSJdLCJnZXQiOiIiLCJleHAiOjQxMDI0NDQ4MDB9.y_5PTC19BKq7D5p-QnyM50_jSgzM4k3BZNpZoWJl2ogkQDJvgU_B2Ul2o9hCTIiEfrVEmTkcY8enzmVArXIBUdiywQOM5OlnPfqScpDvy7RJOBEAb9UJW07Dh8wSv3zQ",
    ),
];

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 2_000_000_000;

fn key() -> Value {
    json!({"kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)})
}

fn keys(value: &Value) -> Keys {
    Keys::parse(&value.to_string()).unwrap()
}

fn mint(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn verified(claims: &Value) -> Result<Grant, Refusal> {
    keys(&key()).verify(&mint(&json!({"alg": "HS256"}), claims), NOW)
}

/// What may be read, and what may be written.
fn paths(grant: &Grant) -> (Vec<String>, Vec<String>) {
    let origin = Origin::produce();
    let read = grant.readable(&origin.consumer);
    let write = grant.writable(&origin.producer);
    (
        read.iter()
            .flat_map(|part| part.allowed())
            .map(ToString::to_string)
            .collect(),
        write
            .iter()
            .flat_map(|part| part.allowed())
            .map(ToString::to_string)
            .collect(),
    )
}

fn lists(read: &[&str], write: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    (owned(read), owned(write))
}

#[test]
fn a_token_of_every_kind_of_key_is_taken_and_a_changed_one_is_not() {
    for (index, (key, token)) in FOREIGN.iter().enumerate() {
        let keys = Keys::parse(key).unwrap();
        let grant = keys.verify(token, NOW).unwrap();
        assert_eq!(paths(&grant), lists(&["studio"], &["studio/cam"]), "{key}");
        assert_eq!(keys.verify(token, 4_102_444_800), Err(Refusal::Expired));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = signature.replacen(
            &signature[..1],
            if signature.starts_with('A') { "B" } else { "A" },
            1,
        );
        assert_eq!(
            keys.verify(&format!("{signed}.{other}"), NOW),
            Err(Refusal::Foreign)
        );
        let (_, of_another) = FOREIGN[(index + 1) % FOREIGN.len()];
        assert_eq!(keys.verify(of_another, NOW), Err(Refusal::Foreign));
    }
}

#[test]
fn a_public_key_is_no_secret_to_sign_with() {
    let header = json!({"alg": "HS256"});
    let token = mint(&header, &json!({"get": ""}));
    for (key, _) in FOREIGN {
        assert_eq!(
            Keys::parse(key).unwrap().verify(&token, NOW),
            Err(Refusal::Foreign)
        );
    }
    for algorithm in ["none", "None", "HS512", ""] {
        let token = mint(&json!({"alg": algorithm}), &json!({"get": ""}));
        assert_eq!(
            keys(&key()).verify(&token, NOW),
            Err(Refusal::Foreign),
            "{algorithm}"
        );
    }
}

#[test]
fn the_times_of_a_token_count_to_the_second() {
    let at = |claims: Value| verified(&claims).map(|_| ());
    assert_eq!(at(json!({"get": "", "exp": NOW})), Err(Refusal::Expired));
    assert_eq!(at(json!({"get": "", "exp": NOW + 1})), Ok(()));
    assert_eq!(at(json!({"get": "", "exp": -1})), Err(Refusal::Expired));
    assert_eq!(
        at(json!({"get": "", "exp": "soon"})),
        Err(Refusal::Malformed)
    );
    assert_eq!(at(json!({"get": "", "nbf": NOW + 1})), Err(Refusal::Early));
    assert_eq!(at(json!({"get": "", "nbf": NOW})), Ok(()));
    assert_eq!(at(json!({"get": "", "exp": 1e300})), Ok(()));
}

#[test]
fn paths_are_granted_as_they_are_written() {
    for (claims, read, write) in [
        (json!({"get": "", "put": []}), &[""][..], &[][..]),
        (
            json!({"root": "/a//b/", "get": ["c", "c/d", "x"]}),
            &["a/b/c", "a/b/x"],
            &[],
        ),
        (json!({"root": "a", "put": "b"}), &[], &["a/b"]),
        (
            json!({"root": "a", "publish": ["b/**"], "subscribe": "**"}),
            &["a"],
            &["a/b"],
        ),
        (json!({}), &[], &[]),
    ] {
        assert_eq!(
            paths(&verified(&claims).unwrap()),
            lists(read, write),
            "{claims}"
        );
    }
}

#[test]
fn what_is_not_understood_grants_nothing() {
    let many: Vec<_> = (0..65).map(|index| index.to_string()).collect();
    for claims in [
        json!({"get": 1}),
        json!({"get": [1]}),
        json!({"root": [], "get": ""}),
        json!({"subscribe": ["cam"]}),
        json!({"subscribe": ["cam**"]}),
        json!({"subscribe": ["*/cam/**"]}),
        json!({"subscribe": ["**"], "put": ""}),
        json!({"get": many}),
        json!([]),
    ] {
        assert_eq!(verified(&claims), Err(Refusal::Malformed), "{claims}");
    }
    let all = keys(&key());
    for token in [
        "a",
        "a.b",
        "a.b.c",
        "....",
        "\u{e9}.\u{e9}.\u{e9}",
        &"a".repeat(9000),
    ] {
        assert_eq!(all.verify(token, NOW), Err(Refusal::Malformed), "{token}");
    }
    assert_eq!(all.verify("", NOW), Err(Refusal::Missing));
    let critical = mint(&json!({"alg": "HS256", "crit": ["x"]}), &json!({"get": ""}));
    assert_eq!(all.verify(&critical, NOW), Err(Refusal::Malformed));
}

#[test]
fn a_key_of_a_set_is_found_by_its_name_and_grants_no_more_than_its_scope() {
    let mut mine = key();
    mine["kid"] = json!("mine");
    mine["scope"] = json!({"root": "studio", "get": [""]});
    let encryption = json!({"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"});
    let unknown = json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"});
    let public: Value = serde_json::from_str(FOREIGN[1].0).unwrap();
    let set = keys(&json!({"keys": [public, unknown, mine]}));
    let verified = |header: Value, claims: Value| set.verify(&mint(&header, &claims), NOW);
    let named = |name: &str| json!({"alg": "HS256", "kid": name});
    assert!(verified(named("mine"), json!({"get": "studio/cam"})).is_ok());
    assert!(
        verified(
            json!({"alg": "HS256"}),
            json!({"root": "studio", "get": "cam"})
        )
        .is_ok()
    );
    assert_eq!(
        verified(named("other"), json!({"get": "studio"})),
        Err(Refusal::Foreign)
    );
    assert_eq!(
        verified(named("mine"), json!({"get": "stud"})),
        Err(Refusal::BeyondKey)
    );
    assert_eq!(
        verified(named("mine"), json!({"put": "studio"})),
        Err(Refusal::BeyondKey)
    );
    assert!(set.verify(FOREIGN[1].1, NOW).is_ok());
    let useless = Keys::parse(&json!({"keys": [unknown]}).to_string());
    assert_eq!(useless.err(), Some(KeyError::Empty));
    assert!(Keys::parse(&encryption.to_string()).is_err());
}

#[test]
fn a_key_may_be_written_in_base64url_and_what_is_none_says_what_is_wrong() {
    let text = format!(" {}\n", URL_SAFE_NO_PAD.encode(key().to_string()));
    assert!(Keys::parse(&text).is_ok());
    let wrong = |text: &str| Keys::parse(text).unwrap_err();
    assert_eq!(wrong("not a key"), KeyError::NotJson);
    assert_eq!(wrong("{"), KeyError::NotJson);
    assert_eq!(wrong("{}"), KeyError::Member("kty"));
    assert_eq!(wrong(r#"{"keys":1}"#), KeyError::Member("keys"));
    let with = |name: &str, value: Value| {
        let mut key = key();
        key[name] = value;
        wrong(&key.to_string())
    };
    assert_eq!(with("k", json!("c2hvcnQ")), KeyError::Member("k"));
    assert_eq!(with("k", json!(7)), KeyError::Member("k"));
    assert_eq!(with("alg", json!("RS256")), KeyError::Unsupported);
    assert_eq!(with("key_ops", json!(["sign"])), KeyError::OtherUse);
    assert_eq!(with("use", json!("enc")), KeyError::OtherUse);
    assert_eq!(with("scope", json!("studio")), KeyError::Member("scope"));
    let text = format!("{:?}", keys(&key()));
    assert_eq!(text, "Keys { count: 1 }");
}
