--- Work items: created here, put on an agent, taken back.
local at = require('rgt.at')
local page = require('rgt.page')
local pick = require('rgt.pick')
local program = require('rgt.program')
local say = require('rgt.say')
local server = require('rgt.server')

local M = {}

--- Do something with the item that was named, the one under the cursor, or one that is chosen.
---@param id string?
---@param prompt string
---@param fits fun(row: rgt.Row): boolean
---@param act fun(id: string)
local function with(id, prompt, fits, act)
  id = id or at.item()
  if id then
    act(id)
  else
    pick.item(prompt, act, fits)
  end
end

---@param ... string
---@return fun(row: rgt.Row): boolean
local function in_state(...)
  local states = { ... }
  return function(row)
    return vim.list_contains(states, row.state)
  end
end

--- Put an item on a rig or an agent: `{ id?, target?, runtime? }`.
---@param args string[]
function M.sling(args)
  with(args[1], 'Sling', in_state('open', 'blocked'), function(id)
    local function put(target)
      server.call('sling', { ids = { id }, target = target, runtime = args[3] or '' })
    end
    if args[2] then
      return put(args[2])
    end
    local choice = { prompt = 'Sling ' .. id .. ' to', kinds = { 'rig', 'crew' }, only = true }
    choice.none = 'there is no rig — `rgt rig add NAME --path .`'
    pick.row(choice, put)
  end)
end

---@param args string[]
function M.unsling(args)
  with(args[1], 'Unsling', in_state('queued', 'assigned', 'in_progress'), function(id)
    server.call('unsling', { id = id })
  end)
end

---@param args string[]
function M.retry(args)
  with(args[1], 'Retry merge', in_state('blocked', 'submitted'), function(id)
    server.call('mq.retry', { id = id })
  end)
end

--- Finish an item by hand, from the directory that has the work.
---@param args string[]
function M.done(args)
  local id = args[1] or at.item()
  program.run(vim.list_extend({ 'done' }, id and { id } or {}))
end

---@param title string
---@param description string
---@param sling boolean
local function create(title, description, sling)
  server.call('work.create', { title = title, description = description }, function(made)
    if sling then
      return M.sling({ made.value.id })
    end
    page.open(('rgt:/item/%s.md'):format(made.value.id))
  end)
end

--- Create an item: of the words that were given, of a selection, of the TODO in this line, or of what is typed.
---@param args string[]
---@param opts { range: rgt.Range?, bang: boolean }
function M.create(args, opts)
  local buf, title = vim.api.nvim_get_current_buf(), table.concat(args, ' ')
  if opts.range then
    local first = vim.api.nvim_buf_get_lines(buf, opts.range.first - 1, opts.range.first, false)[1] or ''
    local text = at.quote(buf, opts.range)
    if title ~= '' then
      return create(title, text, opts.bang)
    end
    return pick.text('Title: ', vim.trim(first), function(typed)
      create(typed, text, opts.bang)
    end)
  end
  if title ~= '' then
    return create(title, '', opts.bang)
  end
  local line = vim.api.nvim_get_current_line()
  if vim.bo[buf].buftype == '' and (line:find('%f[%w]TODO%f[%W]') or line:find('%f[%w]FIXME%f[%W]')) then
    return M.todo(buf, vim.api.nvim_win_get_cursor(0)[1], opts.bang)
  end
  pick.text('Title: ', nil, function(typed)
    create(typed, '', opts.bang)
  end)
end

--- Make an item of the TODO in a line; its id is written into the line.
---@param buf integer
---@param line integer From 1
---@param sling boolean
function M.todo(buf, line, sling)
  server.with(function(client)
    if client then
      -- The server reads the line in its own copy of the text.
      vim.lsp.buf_attach_client(buf, client.id)
    end
    local object = { uri = vim.uri_from_bufnr(buf), line = line - 1, sling = sling }
    server.call('todo', object, function(made)
      if made.message ~= '' then
        say.error(made)
      end
    end)
  end)
end

return M
