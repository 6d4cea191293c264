//! The API described by itself.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::{
    alerts, audit, camera, cameras, destinations, events, me, overview, page, rules, selftest, status, suppressions,
};
use crate::time::Timestamp;

/// RFC 3339.
impl utoipa::PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build().into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "camwatch",
        description = "Which cameras call overseas, how often, to whom, and what became of it. \
        Lists come in pages. Times are RFC 3339 in UTC; durations are in seconds. Changes need `X-Camwatch: 1` over HTTP."
    ),
    paths(
        me::me,
        status::status,
        overview::overview,
        cameras::cameras,
        camera::camera,
        camera::hours,
        destinations::destinations,
        destinations::rhythm,
        alerts::alerts,
        alerts::alert,
        alerts::acknowledge,
        suppressions::suppressions,
        suppressions::suppress,
        suppressions::preview,
        suppressions::end,
        rules::rules,
        selftest::last,
        selftest::make,
        audit::audit,
        events::events,
    ),
    components(schemas(page::Order, alerts::AlertSort, cameras::CameraSort, destinations::DestinationSort)),
    modifiers(&Refused),
)]
struct Document;

/// What stands before every request may refuse it.
struct Refused;

/// Why.
const REFUSED: [(&str, &str); 4] = [
    ("401", "Nobody is logged in, and there are users."),
    ("403", "A change without `X-Camwatch`, from a foreign page, or by a viewer."),
    ("421", "Meant for another host."),
    ("429", "Too many requests, or logins, of one address: `Retry-After` says when to ask again."),
];

impl Modify for Refused {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let schema = Ref::from_schema_name("Refusal");
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                for (status, why) in REFUSED {
                    let content = ContentBuilder::new().schema(Some(schema.clone())).build();
                    let response = ResponseBuilder::new().description(why).content("application/json", content);
                    operation.responses.responses.insert(status.to_owned(), response.build().into());
                }
            }
        }
    }
}

/// The `OpenAPI` document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
