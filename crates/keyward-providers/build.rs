//! Turns `data/*.toml` into constants, so that the binary reads and parses nothing at start-up.
//! Adding a service is adding one file.

#[path = "src/schema.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)] // Samples are for the tests; the schema is documented once.
mod schema;

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use schema::{Detect, File, Form, Inject, Meter, Price, Send, Verify};

fn main() {
    println!("cargo::rerun-if-changed=data");
    println!("cargo::rerun-if-changed=src/schema.rs");
    let mut files: Vec<File> = fs::read_dir("data")
        .expect("the folder `data` is part of the crate")
        .map(|entry| entry.expect("the folder `data` can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| read(&path))
        .collect();
    files.sort_by(|a, b| a.id.cmp(&b.id));
    let mut out = String::new();
    for file in &files {
        detectors(&mut out, file);
    }
    writeln!(out, "static PROVIDERS: [Provider; {}] = [", files.len()).expect("writing to a string succeeds");
    for file in &files {
        provider(&mut out, file);
    }
    out.push_str("];\n");
    variables(&mut out, &files);
    #[allow(clippy::disallowed_methods)] // A build script has no other way to its output folder.
    let folder = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&folder).join("catalogue.rs"), out).expect("OUT_DIR can be written");
}

fn read(path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(file.id.as_str()), "id and file name differ");
    file
}

fn provider(out: &mut String, file: &File) {
    let env: Vec<String> = file.env.iter().map(|(name, kind)| format!("({name:?}, Kind::{kind:?})")).collect();
    writeln!(
        out,
        "Provider {{ id: {:?}, name: {:?}, homepage: {:?}, console: {:?}, hosts: &{:?}, schemes: &{:?}, \
         rotation: RotationClass::{:?}, env: &[{}], send: {}, inject: {}, meter: {}, verify: {}, manage: Manage {{ create: {:?}, list: {:?}, \
         disable: {:?}, delete: {:?}, note: {:?} }}, detect: &{} }},",
        file.id,
        file.name,
        file.homepage,
        file.console,
        file.hosts,
        file.schemes,
        file.rotation,
        env.join(", "),
        file.send.as_ref().map_or_else(|| String::from("None"), |one| send(file, one)),
        inject(file),
        file.meter.as_ref().map_or_else(|| String::from("None"), |meter| metered(file, meter)),
        file.verify.as_ref().map_or_else(|| String::from("None"), verify),
        file.manage.create,
        file.manage.list,
        file.manage.disable,
        file.manage.delete,
        file.manage.note,
        list_name(file),
    )
    .expect("writing to a string succeeds");
}

/// Every variable in the order of names, to be searched.
fn variables(out: &mut String, files: &[File]) {
    let mut all: Vec<(&String, usize, schema::Kind)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        all.extend(file.env.iter().map(|(name, kind)| (name, index, *kind)));
    }
    all.sort_by_key(|(name, ..)| *name);
    writeln!(out, "static VARIABLES: [(&str, usize, Kind); {}] = [", all.len()).expect("writing to a string succeeds");
    for (name, index, kind) in all {
        writeln!(out, "({name:?}, {index}, Kind::{kind:?}),").expect("writing to a string succeeds");
    }
    out.push_str("];\n");
}

fn send(file: &File, send: &Send) -> String {
    format!("Some(Send {{ base_url: {:?}, place: {} }})", send.base_url, place(file, &form_of(send)))
}

fn form_of(send: &Send) -> Form {
    let Send { header, prefix, query, basic, .. } = send;
    Form { header: header.clone(), prefix: prefix.clone(), query: query.clone(), basic: *basic }
}

fn place(file: &File, form: &Form) -> String {
    let place = match (&form.header, &form.query, form.basic) {
        (Some(header), None, None) => format!("Header({header:?}, {:?})", form.prefix),
        (None, Some(query), None) => format!("Query({query:?})"),
        (None, None, Some(basic)) => format!("Basic(Basic::{basic:?})"),
        _ => panic!("{}: a key is sent by exactly one of header, query and basic", file.id),
    };
    format!("SendPlace::{place}")
}

/// What `inject` says, and else `send`: whoever knows how a key is sent can send it.
fn inject(file: &File) -> String {
    let sent = file.send.as_ref();
    let base_url = file.inject.as_ref().and_then(|own| own.base_url.as_ref());
    let base_url = base_url.or_else(|| sent.and_then(|send| send.base_url.as_ref()));
    let own: &[Form] = file.inject.as_ref().map_or(&[], |Inject { forms, .. }| forms);
    let forms: Vec<String> = match (own, sent) {
        ([], Some(send)) => vec![place(file, &form_of(send))],
        (own, _) => own.iter().map(|form| place(file, form)).collect(),
    };
    if forms.is_empty() {
        assert!(file.inject.is_none(), "{}: `inject` says no place for the key, and `send` neither", file.id);
        return String::from("None");
    }
    let errors = file.inject.as_ref().map(|own| own.errors).unwrap_or_default();
    let grpc_port = file.inject.as_ref().and_then(|own| own.grpc_port);
    format!(
        "Some(Inject {{ base_url: {base_url:?}, forms: &[{}], errors: ErrorShape::{errors:?}, grpc_port: {grpc_port:?} }})",
        forms.join(", ")
    )
}

fn metered(file: &File, meter: &Meter) -> String {
    assert!(
        meter.prices.is_empty() || meter.as_of.is_some() && meter.source.is_some(),
        "{}: prices have a date and a source",
        file.id
    );
    let all = meter.prices.iter().flat_map(|price| price.models.iter().map(move |model| (model, price)));
    let mut all: Vec<(&String, &Price)> = all.collect();
    // A name before a pattern, and a longer pattern before a shorter one.
    all.sort_by_key(|(model, _)| (model.contains('*'), std::cmp::Reverse(model.len()), (*model).clone()));
    let prices: Vec<String> = all.iter().map(|(model, one)| format!("({model:?}, {})", price(file, one))).collect();
    format!(
        "Some(Meter {{ reader: Reader::{:?}, as_of: {:?}, source: {:?}, prices: &[{}] }})",
        meter.reader,
        meter.as_of,
        meter.source,
        prices.join(", ")
    )
}

fn price(file: &File, price: &Price) -> String {
    let micro = |dollars: f64| {
        let micro = (dollars * 1_000_000.0).round();
        assert!((0.0..1e12).contains(&micro), "{}: {dollars} is no price", file.id);
        assert!((micro / 1_000_000.0 - dollars).abs() < 1e-9, "{}: {dollars} has more than six places", file.id);
        micro as u64
    };
    format!(
        "Price {{ input: {}, cached: {}, cache_write: {}, output: {}, call: {}, max_output: {:?} }}",
        micro(price.input),
        micro(price.cached.unwrap_or(price.input)),
        micro(price.cache_write.unwrap_or(price.input)),
        micro(price.output),
        micro(price.call),
        price.max_output,
    )
}

fn verify(verify: &Verify) -> String {
    format!(
        "Some(Verify {{ request: {:?}, body: {:?}, headers: &{:?}, valid: &{:?}, invalid: &{:?}, insufficient: &{:?}, \
         valid_text: {:?}, invalid_text: &{:?}, confirmed: {:?} }})",
        verify.request,
        verify.body,
        verify.headers.iter().collect::<Vec<_>>(),
        verify.valid,
        verify.invalid,
        verify.insufficient,
        verify.valid_text,
        verify.invalid_text,
        verify.confirmed,
    )
}

/// A list of its own, since what is filled lazily needs an address of its own.
fn detectors(out: &mut String, file: &File) {
    writeln!(out, "static {}: [Detector; {}] = [", list_name(file), file.detect.len())
        .expect("writing to a string succeeds");
    for detect in &file.detect {
        detector(out, file, detect);
    }
    out.push_str("];\n");
}

fn list_name(file: &File) -> String {
    format!("DETECT_{}", file.id.to_ascii_uppercase().replace('-', "_"))
}

fn detector(out: &mut String, file: &File, detect: &Detect) {
    writeln!(
        out,
        "Detector {{ id: {:?}, provider: {:?}, description: {:?}, kind: Kind::{:?}, prefixes: &{:?}, anchors: &{:?}, \
         charset: Charset::{:?}, min_len: {}, max_len: {}, pattern: {:?}, checksum: {}, entropy: {}, context: &{:?}, \
         access: {}, confidence: Confidence::{:?}, confirmed: {:?}, asked: {:?}, rotation: RotationClass::{:?}, \
         advice: {:?}, compiled: OnceLock::new() }},",
        detect.id,
        file.id,
        detect.description,
        detect.kind,
        detect.prefixes,
        detect.anchors,
        detect.charset,
        detect.length[0],
        detect.length[1],
        detect.pattern,
        variant("Checksum", detect.checksum),
        detect.entropy.map_or_else(|| String::from("None"), |bits| format!("Some({bits:?})")),
        detect.context,
        variant("Access", detect.access),
        detect.confidence,
        detect.confirmed,
        detect.asked,
        detect.rotation.unwrap_or(file.rotation),
        detect.advice,
    )
    .expect("writing to a string succeeds");
}

fn variant<T: std::fmt::Debug>(name: &str, value: Option<T>) -> String {
    value.map_or_else(|| String::from("None"), |value| format!("Some({name}::{value:?})"))
}
