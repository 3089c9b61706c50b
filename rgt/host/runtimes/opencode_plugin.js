// The hooks of an agent that runs opencode. Each event is one call of the program in RGT_HOOKS, with Claude's names.
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"

const PATIENCE = 20000
const TOOLS = { bash: "Bash", edit: "Edit", write: "Write", read: "Read", webfetch: "WebFetch", task: "Task" }

export const Rgt = async ({ client, directory }) => {
  const words = JSON.parse(readFileSync(process.env.RGT_HOOKS, "utf8"))
  let session = ""
  let told = ""

  const call = (job, event, more) =>
    new Promise((resolve, reject) => {
      const [program, ...args] = words[job]
      const child = execFile(program, args, { timeout: PATIENCE }, (error, out) => {
        if (error) return reject(error)
        try {
          resolve(out.trim() ? JSON.parse(out) : {})
        } catch (e) {
          reject(e)
        }
      })
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify({ hook_event_name: event, session_id: session, cwd: directory, ...more }))
    })
  const tell = async (event, more) => {
    try {
      return await call("event", event, more)
    } catch {
      return {}
    }
  }
  const keep = (answer) => {
    if (answer.additionalContext) told = told ? `${told}\n\n${answer.additionalContext}` : answer.additionalContext
  }

  const say = (id, text) => client.session.promptAsync({ path: { id }, body: { parts: [{ type: "text", text }] } })
  const goOn = async () => {
    const { data } = await client.session.list()
    const mine = (data ?? []).filter((s) => !s.parentID).sort((a, b) => b.time.updated - a.time.updated)
    if (!mine.length) return
    session = mine[0].id
    await say(session, readFileSync(process.env.RGT_SAY, "utf8"))
  }

  keep(await tell("SessionStart", { source: process.env.RGT_SAY ? "resume" : "startup" }))
  // Not before the server is up, which waits for its plugins.
  if (process.env.RGT_SAY) setTimeout(() => goOn().catch(() => {}), 1000)
  return {
    event: async ({ event }) => {
      if (event.type === "session.created" && !event.properties.info.parentID) session = event.properties.info.id
      // Sessions of subagents come and go within a turn.
      if (event.type !== "session.idle" || (session && event.properties.sessionID !== session)) return
      const { reason } = await tell("Stop", {})
      if (reason) await say(event.properties.sessionID, reason)
    },
    "chat.message": async (input) => {
      session = session || input.sessionID
      if (input.sessionID === session) keep(await tell("UserPromptSubmit", {}))
    },
    "experimental.chat.system.transform": async (input, output) => {
      if (told && (!input.sessionID || input.sessionID === session)) output.system.push(told)
    },
    "tool.execute.before": async (input, output) => {
      const args = output.args ?? {}
      const given = { ...args, ...(args.filePath ? { file_path: args.filePath } : {}) }
      const answer = await call("guard", "PreToolUse", { tool_name: TOOLS[input.tool] ?? input.tool, tool_input: given })
      if (answer.decision === "deny") throw new Error(answer.reason)
    },
    "tool.execute.after": async (input, output) => {
      const { additionalContext } = await tell("PostToolUse", { tool_name: TOOLS[input.tool] ?? input.tool })
      if (additionalContext) output.output = `${output.output}\n\n${additionalContext}`
    },
  }
}
