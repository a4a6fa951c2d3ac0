//! Tells GStreamer the plugin's version, and embeds the pages of `web/dist`: with the feature `pages`, where they are there.

use std::{env, fs, io, path::Path};

fn main() {
    #[cfg(feature = "plugin")]
    gst_plugin_version_helper::info();

    println!("cargo::rustc-check-cfg=cfg(web_bundle)");
    println!("cargo::rerun-if-changed=build.rs");
    if !cfg!(feature = "pages") {
        return;
    }
    println!("cargo::rerun-if-changed=web/dist");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let names = copy(&Path::new(&root).join("web/dist"), Path::new(&out))
        .unwrap_or_else(|error| panic!("web/dist cannot be copied to {out}: {error}"));
    if names.iter().any(|name| name == "index.html") {
        println!("cargo::rustc-cfg=web_bundle");
    }
}

/// Copies every file of a flat folder, if it is there, to `bundle` in `out`, and lists the copies in `bundle.rs` beside it.
/// What is built in so names no path of this checkout: another one that shares the folder of targets finds it too.
fn copy(from: &Path, out: &Path) -> io::Result<Vec<String>> {
    let bundle = out.join("bundle");
    if bundle.exists() {
        fs::remove_dir_all(&bundle)?;
    }
    fs::create_dir_all(&bundle)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && entry.path().is_file()
        {
            // Written rather than copied, so that it is newer than the last build, however old the page is.
            fs::write(bundle.join(&name), fs::read(entry.path())?)?;
            names.push(name);
        }
    }
    names.sort();
    let mut source = String::from("const FILES: &[(&str, &[u8])] = &[\n");
    for name in &names {
        let path = format!("/bundle/{name}");
        source +=
            &format!("    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), {path:?}))),\n");
    }
    source += "];\n";
    fs::write(out.join("bundle.rs"), source)?;
    Ok(names)
}
