//! Tells GStreamer the plugin's version, and builds the pages of `web/dist` in where they are there.

use std::{env, fs, path::Path};

fn main() {
    #[cfg(feature = "plugin")]
    gst_plugin_version_helper::info();

    println!("cargo::rustc-check-cfg=cfg(web_bundle)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=web/dist");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let files = bundle(&Path::new(&root).join("web/dist"));
    if files.iter().any(|(name, _)| name == "index.html") {
        let mut source = String::from("const FILES: &[(&str, &[u8])] = &[\n");
        for (name, path) in files {
            source += &format!("    ({name:?}, include_bytes!({path:?})),\n");
        }
        source += "];\n";
        let out = env::var("OUT_DIR").expect("cargo sets it");
        fs::write(Path::new(&out).join("bundle.rs"), source).expect("the folder is ours");
        println!("cargo::rustc-cfg=web_bundle");
    }
}

/// The name and the path of every file of a flat folder, if it is there.
fn bundle(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name().into_string(), entry.path());
        if let (Ok(name), Some(path), true) = (name, path.to_str(), path.is_file())
            && !name.starts_with('.')
        {
            files.push((name, path.to_owned()));
        }
    }
    files.sort();
    files
}
