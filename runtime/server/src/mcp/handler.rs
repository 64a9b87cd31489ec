//! What `rmcp` asks of this server, handed to the parts that answer it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use errand_core::{Status, TaskId};
use errand_scheduler::ApprovalState;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, ErrorData, GetPromptRequestParams, GetPromptResponse, GetTaskParams,
    GetTaskResult, Implementation, InputRequiredResult, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};

use super::asking::Asking;
use super::functions::{self, FunctionTool};
use super::outcome::Standing;
use super::questions;
use super::round_trips::RoundTrips;
use super::subscriptions::{self, Subscriptions};
use super::tools::{self, Own, PATIENCE};
use super::{prompts, resources, tasks, watching};
use crate::app::App;
use crate::call::parse_task_id;
use crate::mcp::arguments;
use crate::problem::Problem;

/// The revisions that are spoken, the oldest first.
const VERSIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// How long a function may take to be answered without a task where the client takes tasks.
const AT_ONCE: Duration = Duration::from_millis(500);

const INSTRUCTIONS: &str = "Errand runs long tasks in a sandbox, durably: a task goes on whatever \
becomes of this conversation. Start one with submit_task, or with the tool of an executor, and go on \
with something else; wait_for_task and get_task say how it stands. Where a task waits for a person to \
decide, tell your user the url or the command of the approval: you can't decide it.";

/// One client's server: of a session where its revision has some, else of one request.
pub(super) struct Handler {
    app: App,
    round_trips: Arc<RoundTrips>,
    subscriptions: Subscriptions,
}

impl Handler {
    pub(super) fn new(app: App, round_trips: Arc<RoundTrips>) -> Self {
        Self { app, round_trips, subscriptions: Subscriptions::default() }
    }

    fn asking(&self, context: RequestContext<RoleServer>) -> Result<Asking, ErrorData> {
        Asking::new(&self.app, context)
    }

    /// Finds out what a call is for.
    async fn wish(
        &self,
        asking: &Asking,
        name: &str,
        arguments: JsonObject,
    ) -> Result<Wish, ErrorData> {
        if let Some(own) = tools::find(name) {
            return Ok(match own.name {
                tools::WAIT => Wish::Wait(arguments),
                _ if own.starts => Wish::Submit(arguments),
                _ => Wish::Own(own, arguments),
            });
        }
        let found = functions::find(asking, name).await;
        let found = found.map_err(|error| tasks::protocol(error.into()))?;
        match found {
            Some(function) => Ok(Wish::Run(Box::new(function), arguments)),
            None => {
                let message = format!("there is no tool `{}`", name.escape_debug());
                Err(ErrorData::invalid_params(message, None))
            }
        }
    }

    async fn act(&self, asking: &Asking, wish: Wish) -> Result<Outcome, Problem> {
        match wish {
            Wish::Own(own, arguments) => {
                Ok(Outcome::Whole(tools::call(asking, own, arguments).await?))
            }
            Wish::Wait(arguments) => {
                let arguments = arguments::read(arguments)?;
                let patience = tools::wait_of(&arguments)?;
                let id = parse_task_id(&arguments.task_id)?;
                let open = watching::stand(asking, id).await?.questions;
                if open.is_empty() || !questions::requests(asking, &open).is_empty() {
                    return Ok(Outcome::Report(watching::watch(asking, id, patience).await?));
                }
                // Whoever can only be told of a question, and asks again and again, is not answered at
                // once each time; but soon, as the person has to be told.
                let known: Vec<String> = open.iter().map(questions::key).collect();
                let patience = patience.min(PATIENCE);
                Ok(Outcome::Report(watching::watch_beyond(asking, id, patience, &known).await?))
            }
            Wish::Submit(arguments) => {
                let task = tools::submit(asking, arguments).await?;
                let standing = Standing { task, questions: Vec::new() };
                Ok(match asking.takes_tasks() {
                    true => Outcome::Started(standing),
                    false => Outcome::Whole(standing.to_report(&asking.base)),
                })
            }
            Wish::Run(function, arguments) => {
                let task = tools::submit_request(asking, function.request(arguments)).await?;
                self.begun(asking, task.id).await
            }
        }
    }

    /// Waits for the task of a function as long as the client should: where it can be told of a task, just
    /// long enough to need none for what is done at once.
    async fn begun(&self, asking: &Asking, id: TaskId) -> Result<Outcome, Problem> {
        if !asking.takes_tasks() {
            return Ok(Outcome::Result(watching::watch(asking, id, PATIENCE).await?));
        }
        let standing = watching::watch(asking, id, AT_ONCE).await?;
        let is_whole = standing.task.status == Status::Completed;
        // A question that comes at once is put in the call itself; a later one in the task.
        let asks = !questions::requests(asking, &standing.questions).is_empty();
        Ok(match is_whole || asks {
            true => Outcome::Result(standing),
            false => Outcome::Started(standing),
        })
    }

    /// Goes on with a call whose client has asked its user.
    async fn go_on(
        &self,
        asking: &Asking,
        request: &CallToolRequestParams,
        state: &str,
    ) -> Result<CallToolResponse, ErrorData> {
        let id = self.round_trips.redeem(asking, &request.name, state)?;
        let standing = watching::stand(asking, id).await.map_err(tasks::protocol)?;
        let responses = request.input_responses.clone().unwrap_or_default();
        for state in &standing.questions {
            if let Some(response) = responses.get(&questions::key(state)) {
                let answered = questions::answer(asking, state, response).await;
                answered.map_err(|problem| still_asks(problem, id))?;
            }
        }
        let waits = &*request.name == tools::WAIT;
        let patience = if asking.takes_tasks() && !waits { AT_ONCE } else { PATIENCE };
        let shown: Vec<String> = responses.keys().cloned().collect();
        let standing = watching::watch_beyond(asking, id, patience, &shown).await;
        let standing = standing.map_err(tasks::protocol)?;
        // What the user was shown in this call already they are not asked again.
        let is_new = |one: &ApprovalState| !responses.contains_key(&questions::key(one));
        if standing.questions.iter().any(is_new)
            && let Some(asked) = self.ask_back(asking, &request.name, &standing)
        {
            return Ok(asked.into());
        }
        Ok(match waits {
            true => standing.to_report(&asking.base).into(),
            false if asking.takes_tasks() && !standing.task.status.is_terminal() => {
                tasks::started(asking, &standing).into()
            }
            false => standing.to_result(&asking.base).into(),
        })
    }

    /// Asks the client to ask its user, where the task waits for that and the client can.
    fn ask_back(
        &self,
        asking: &Asking,
        tool: &str,
        standing: &Standing,
    ) -> Option<InputRequiredResult> {
        if !asking.is_self_contained() {
            return None;
        }
        let requests = questions::requests(asking, &standing.questions);
        if requests.is_empty() {
            return None;
        }
        let state = self.round_trips.seal(asking, tool, standing.task.id);
        Some(InputRequiredResult::new(Some(requests), Some(state)))
    }

    /// Says what a call came to, or asks the user first where its task waits for that.
    async fn told(
        &self,
        asking: &Asking,
        tool: &str,
        outcome: Outcome,
    ) -> Result<CallToolResponse, Problem> {
        let (standing, is_report) = match outcome {
            Outcome::Whole(result) => return Ok(result.into()),
            Outcome::Started(standing) => return Ok(tasks::started(asking, &standing).into()),
            Outcome::Report(standing) => (standing, true),
            Outcome::Result(standing) => (standing, false),
        };
        if let Some(asked) = self.ask_back(asking, tool, &standing) {
            return Ok(asked.into());
        }
        let standing = self.ask_now(asking, standing).await?;
        Ok(match is_report {
            true => standing.to_report(&asking.base),
            false => standing.to_result(&asking.base),
        }
        .into())
    }

    /// Asks the user of a client of a revision with sessions, once for each question.
    async fn ask_now(&self, asking: &Asking, standing: Standing) -> Result<Standing, Problem> {
        if asking.is_self_contained() || standing.questions.is_empty() {
            return Ok(standing);
        }
        let mut asked = false;
        for state in &standing.questions {
            if !self.subscriptions.asks_first(&questions::key(state)) {
                continue;
            }
            asked |= questions::ask(asking, state).await?;
        }
        match asked {
            true => watching::watch(asking, standing.task.id, PATIENCE).await,
            false => Ok(standing),
        }
    }
}

/// Says why an answer was not taken, and how to be asked again: the state of the call is used up, and to make
/// the call again would start another task.
fn still_asks(problem: Problem, id: TaskId) -> ErrorData {
    let mut error = tasks::protocol(problem);
    error.message =
        format!("{}; `{}` of task `{id}` asks again", error.message, tools::WAIT).into();
    error
}

/// What a call is for.
enum Wish {
    /// One of this server's own tools.
    Own(&'static Own, JsonObject),
    /// To wait for a task.
    Wait(JsonObject),
    /// To submit a task.
    Submit(JsonObject),
    /// To run a function.
    Run(Box<FunctionTool>, JsonObject),
}

/// What a call came to.
enum Outcome {
    Whole(rmcp::model::CallToolResult),
    /// The task that was started for it.
    Started(Standing),
    /// How its task stands, which is its result.
    Result(Standing),
    /// How a task stands that was asked for.
    Report(Standing),
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .build();
        let mut about = Implementation::new("errand", env!("CARGO_PKG_VERSION"));
        about.title = Some("Errand".to_owned());
        ServerConfig::new(capabilities).with_server_info(about).with_instructions(INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&VERSIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let asking = self.asking(context)?;
        let functions = functions::all(&asking).await;
        let functions = functions.map_err(|error| tasks::protocol(error.into()))?;
        let mut all: Vec<Tool> = tools::described().to_vec();
        all.extend(functions.iter().map(FunctionTool::describe));
        Ok(ListToolsResult::with_all_items(all))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asking = self.asking(context)?;
        if let Some(state) = &request.request_state {
            return self.go_on(&asking, &request, state).await;
        }
        let wish = self.wish(&asking, &request.name, request.arguments.unwrap_or_default()).await?;
        let answered = match self.act(&asking, wish).await {
            Ok(outcome) => self.told(&asking, &request.name, outcome).await,
            Err(problem) => Err(problem),
        };
        Ok(answered.unwrap_or_else(|problem| tools::refused(&problem).into()))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        tasks::get(&self.asking(context)?, &request.task_id).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::update(&self.asking(context)?, &request.task_id, request.input_responses).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::cancel(&self.asking(context)?, &request.task_id).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::list(&self.asking(context)?, request).await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(resources::read(&self.asking(context)?, &request.uri).await?.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(prompts::list())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(prompts::get(&request.name, request.arguments.unwrap_or_default())?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        resources::complete(&self.asking(context)?, &request).await
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        subscriptions::listen(&self.app, context).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let asking = self.asking(context)?;
        let peer = asking.peer().clone();
        self.subscriptions.follow(&self.app, &asking.caller, peer, request.uri).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.leave(&request.uri);
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.subscriptions.follow_tools(&self.app, context.peer);
    }
}
