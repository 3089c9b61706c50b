--- The one language server of this editor: started when it is needed, and what it has said of the town.
local say = require('rgt.say')

local M = {}

--- The oldest `rgt` that this plugin works with.
M.NEEDS = '0.1.0'

---@class rgt.State
---@field health 'off'|'ok'|'warning'|'error' `off` while no server runs
---@field message string One line, with what to do
---@field counts table<string, integer> What `rgt/townChanged` has counted
---@field version integer Grows with every change of the town
---@type rgt.State
M.state = { health = 'off', message = '', counts = {}, version = 0 }

---@type (fun(client: vim.lsp.Client?))[] What waits for the server's first look at the town
local waiting = {}
local looked = false
local quiet = false -- the server ends because we said so
local served = {} ---@type table<integer, true> Buffers that the next server serves, too

---@param health 'off'|'ok'|'warning'|'error'
---@param message string
local function feel(health, message)
  if M.state.health ~= health or M.state.message ~= message then
    M.state.health, M.state.message = health, message
    M.tell()
  end
end

---@param client vim.lsp.Client?
local function go_on(client)
  local now = waiting
  waiting = {}
  for _, run in ipairs(now) do
    run(client)
  end
end

--- Tell those who listen, and draw the status line.
function M.tell()
  vim.api.nvim_exec_autocmds('User', { pattern = 'RgtTownChanged', modeline = false, data = vim.deepcopy(M.state) })
  vim.cmd.redrawstatus({ bang = true })
end

--- The program as it is configured: the first word of the server's command line.
---@return string
function M.program()
  local cmd = vim.lsp.config.rgt.cmd
  return type(cmd) == 'table' and cmd[1] or 'rgt'
end

--- Whether the program is there. When it is not, that is said once.
---@return boolean
function M.is_installed()
  local program = M.program()
  if vim.fn.executable(program) == 1 then
    return true
  end
  local line = ('%s is not installed, or not on PATH — see :checkhealth rgt'):format(program)
  feel('error', line)
  vim.notify_once('rgt: ' .. line, vim.log.levels.ERROR)
  return false
end

--- Whether a client that runs serves a buffer: there is one for the whole editor, which is told of new folders.
---@param client vim.lsp.Client
---@param config vim.lsp.ClientConfig
---@return boolean
function M.reuse(client, config)
  if client.name ~= 'rgt' or client:is_stopped() then
    return false
  end
  local root = type(config.root_dir) == 'string' and config.root_dir or nil
  local uri = root and vim.uri_from_fname(root)
  local folders = client.workspace_folders or {}
  local known = vim.iter(folders):any(function(folder)
    return folder.uri == uri
  end)
  if uri and client.initialized and not known then
    local folder = { uri = uri, name = root }
    client.workspace_folders = vim.list_extend({ folder }, folders)
    client:notify('workspace/didChangeWorkspaceFolders', { event = { added = { folder }, removed = {} } })
  end
  return true
end

--- The client, whether it has been greeted or not.
---@return vim.lsp.Client?
function M.client()
  return vim.iter(vim.lsp.get_clients({ name = 'rgt', _uninitialized = true })):find(function(client)
    return not client:is_stopped()
  end)
end

--- Start the server, if it does not run.
---@return vim.lsp.Client?
function M.start()
  local client = M.client()
  if client or not M.is_installed() then
    return client
  end
  local config = vim.deepcopy(vim.lsp.config.rgt)
  config.root_dir = vim.fs.root(0, '.git') or vim.fn.getcwd()
  local id = vim.lsp.start(config, { attach = false })
  return id and vim.lsp.get_client_by_id(id) or M.client()
end

--- Run something with the server, as soon as it has looked at the town; with nil when there is no server.
---@param run fun(client: vim.lsp.Client?)
function M.with(run)
  local client = M.start()
  if not client then
    return run(nil)
  end
  if looked then
    return run(client)
  end
  table.insert(waiting, run)
end

--- Have a command carried out. What goes wrong is said, unless `failed` takes it.
---@param command string Such as `attachSpec`, for `rgt.server.attachSpec`
---@param object table Its one argument
---@param done? fun(result: table)
---@param failed? fun(err: { message: string, data?: table })
function M.call(command, object, done, failed)
  failed = failed or say.error
  M.with(function(client)
    if not client then
      return failed({ message = M.state.message })
    end
    local params = { command = 'rgt.server.' .. command, arguments = { next(object) and object or vim.empty_dict() } }
    -- Not exec_cmd, which asks the commands of the editor first.
    client:request('workspace/executeCommand', params, function(err, result)
      if err then
        failed(err)
      elseif done then
        done(result)
      end
    end)
  end)
end

--- Ask and wait for the answer, for completion alone: the server answers these from memory.
---@param command string
---@param object table
---@return table? result nil when there is no server, or no answer in time
function M.ask(command, object)
  local client = M.client()
  if not client or not looked then
    return nil
  end
  local params = { command = 'rgt.server.' .. command, arguments = { next(object) and object or vim.empty_dict() } }
  local reply = client:request_sync('workspace/executeCommand', params, 200)
  return reply and not reply.err and reply.result or nil
end

--- A buffer is served.
---@param buf integer
function M.serves(buf)
  served[buf] = true
end

--- End the server.
---@param after? fun()
function M.stop(after)
  local client = M.client()
  if not client then
    return after and after()
  end
  quiet = true
  M.after_end = after
  client:stop()
end

--- A fresh server for the same buffers.
function M.restart()
  M.stop(function()
    local client = M.start()
    for buf in pairs(client and served or {}) do
      if vim.api.nvim_buf_is_loaded(buf) then
        vim.lsp.buf_attach_client(buf, client.id)
      else
        served[buf] = nil
      end
    end
  end)
end

-- ---- what the server says

--- It has answered: does it fit?
---@param client vim.lsp.Client
function M.greeted(client)
  local version = client.server_info and client.server_info.version or '0'
  local parsed = vim.version.parse(version)
  if parsed and not vim.version.lt(parsed, M.NEEDS) then
    return
  end
  local line = ('rgt %s is too old for this plugin, which needs %s — upgrade rgt, then :Rgt restart'):format(
    version,
    M.NEEDS
  )
  vim.schedule(function()
    M.stop(function()
      feel('error', line)
      say.error(line)
      go_on(nil)
    end)
  end)
end

--- How the connection to the town is.
---@param status { health: 'ok'|'warning'|'error', message: string, quiescent: boolean }
function M.status(status)
  feel(status.health, status.message)
  if status.quiescent and not looked then
    looked = true
    go_on(M.client())
  end
end

--- The town has changed.
---@param change { version: integer, counts: table<string, integer> }
function M.changed(change)
  M.state.counts, M.state.version = change.counts, change.version
  M.tell()
end

--- The process has ended.
---@param code integer
---@param signal integer
---@param id integer
function M.ended(code, signal, id)
  vim.schedule(function()
    local client = M.client()
    if client and client.id ~= id then
      return
    end
    local after = M.after_end
    looked, M.after_end = false, nil
    M.state.counts = {}
    if quiet then
      feel('off', '')
    else
      local how = signal ~= 0 and ('signal %d'):format(signal) or ('code %d'):format(code)
      feel('error', ('the language server has ended (%s) — :Rgt restart'):format(how))
    end
    quiet = false
    if after then
      after()
    else
      go_on(nil)
    end
  end)
end

return M
