--- `:Rgt`: its verbs, and what each completes.
local at = require('rgt.at')
local town = require('rgt.town')

local M = {}

---@class rgt.CommandOpts
---@field bang boolean
---@field range rgt.Range?

---@class rgt.Verb
---@field run fun(args: string[], opts: rgt.CommandOpts)
---@field args? (fun(): string[])[] What each argument can be

---@param module string
---@param name string
---@param ... any
---@return fun(args: string[], opts: rgt.CommandOpts)
local function call(module, name)
  return function(args, opts)
    require('rgt.' .. module)[name](args, opts)
  end
end

---@param watch boolean
---@return fun(args: string[])
local function attach(watch)
  return function(args)
    local terminal = require('rgt.terminal')
    require('rgt.pick').the_agent(args[1], watch and 'Watch' or 'Attach', function(agent)
      terminal.attach(agent, watch)
    end)
  end
end

---@param ... string
---@return fun()
local function shown(...)
  local words = { ... }
  return function(args)
    require('rgt.program').show(vim.list_extend(vim.deepcopy(words), args))
  end
end

---@type table<string, rgt.Verb>
M.verbs = {
  attach = { run = attach(false), args = { town.agents } },
  watch = { run = attach(true), args = { town.agents } },
  agents = {
    run = function()
      require('rgt.pick').agent('Agents', function(agent)
        require('rgt.terminal').attach(agent)
      end)
    end,
  },
  status = {
    run = function()
      require('rgt.page').open('rgt:/town.md')
    end,
  },
  work = {
    run = function()
      require('rgt.pick').item('Work', function(id)
        require('rgt.page').open(('rgt:/item/%s.md'):format(id))
      end)
    end,
  },
  open = {
    run = function(args)
      local page = require('rgt.page')
      local what = args[1]
      if what == 'town' or what == 'needs' then
        page.open(('rgt:/%s.md'):format(what))
      elseif what then
        page.show(what)
      else
        page.follow()
      end
    end,
    args = {
      function()
        return vim.list_extend({ 'town', 'needs' }, town.things())
      end,
    },
  },
  create = { run = call('work', 'create') },
  sling = { run = call('work', 'sling'), args = { town.items, town.targets } },
  unsling = { run = call('work', 'unsling'), args = { town.items } },
  done = { run = call('work', 'done'), args = { town.items } },
  retry = { run = call('work', 'retry'), args = { town.items } },
  chat = { run = call('letters', 'chat'), args = { town.agents } },
  send = {
    run = function(args, opts)
      local line = vim.api.nvim_win_get_cursor(0)[1]
      require('rgt.letters').send(args, opts.range or { first = line, last = line })
    end,
    args = { town.agents },
  },
  mail = {
    run = function(args)
      local letters = require('rgt.letters')
      if args[1] then
        letters.compose(args[1])
      else
        letters.inbox()
      end
    end,
    args = { town.agents },
  },
  needs = { run = call('needs', 'pick') },
  mq = {
    run = function(args)
      local page = require('rgt.page')
      local what = args[1] or at.item()
      if what and what:find('^gt%-') then
        return page.open(('rgt:/run/%s.log'):format(what))
      elseif what then
        return page.open(('rgt:/mq/%s.md'):format(what))
      end
      local choice = { prompt = 'Merge queue of', kinds = { 'rig' }, only = true }
      choice.none = 'there is no rig — `rgt rig add NAME --path .`'
      require('rgt.pick').row(choice, function(rig)
        page.open(('rgt:/mq/%s.md'):format(rig))
      end)
    end,
    args = {
      function()
        return vim.list_extend(town.rigs(), town.items())
      end,
    },
  },
  diff = { run = call('worktree', 'diff'), args = { town.things } },
  worktree = { run = call('worktree', 'open'), args = { town.things } },
  feed = { run = shown('feed') },
  log = { run = shown('log', '--follow'), args = { town.things } },
  start = {
    run = function()
      require('rgt.program').run({ 'start' }, require('rgt.server').start)
    end,
  },
  stop = {
    run = function()
      require('rgt.program').run({ 'stop' })
    end,
  },
  restart = {
    run = function(args)
      local server = require('rgt.server')
      if args[1] then
        server.call('agent.restart', { id = args[1] })
      else
        server.restart()
      end
    end,
    args = { town.agents },
  },
}

---@return string[]
local function names()
  local found = vim.tbl_keys(M.verbs)
  table.sort(found)
  return found
end

--- `:Rgt verb …`
---@param opts vim.api.keyset.create_user_command.command_args
function M.run(opts)
  local args = vim.deepcopy(opts.fargs)
  local name = table.remove(args, 1) or 'status'
  local verb = M.verbs[name]
  if not verb then
    local line = (':Rgt has no verb %s, but %s'):format(name, table.concat(names(), ', '))
    return require('rgt.say').error(line)
  end
  local range = opts.range > 0 and { first = opts.line1, last = opts.line2 } or nil
  verb.run(args, { bang = opts.bang, range = range })
end

--- What may stand where the cursor is in a command line.
---@param lead string
---@param line string All of it up to the cursor
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line:gsub('^.-Rgt!?%s+', '', 1), '%s+')
  local candidates ---@type string[]
  if #words <= 1 then
    candidates = names()
  else
    local verb = M.verbs[words[1]]
    local of = verb and verb.args and verb.args[#words - 1]
    candidates = of and of() or {}
  end
  return vim.tbl_filter(function(one)
    return vim.startswith(one, lead)
  end, candidates)
end

return M
