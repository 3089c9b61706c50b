--- Terminals of agents: one buffer each. Whatever ends here only detaches; the agent goes on.
local config = require('rgt.config')
local server = require('rgt.server')

local M = {}

---@class rgt.AttachSpec What `rgt.server.attachSpec` answers
---@field agent string? Its whole address; nil for another program
---@field argv string[]
---@field title string

--- The buffer of a terminal.
---@param name string An agent's address, or what `open` was given
---@return integer? buf
function M.find(name)
  return vim.iter(vim.api.nvim_list_bufs()):find(function(buf)
    return vim.api.nvim_buf_is_loaded(buf) and vim.b[buf].rgt_terminal == name
  end)
end

---@param buf integer
local function reveal(buf)
  local win = vim.fn.bufwinid(buf)
  if win ~= -1 then
    vim.api.nvim_set_current_win(win)
  else
    config.open_window()
    vim.api.nvim_win_set_buf(0, buf)
  end
  vim.cmd.startinsert()
end

--- Leave a terminal: its program ends, the agent does not notice.
---@param buf integer
function M.detach(buf)
  if vim.api.nvim_buf_is_valid(buf) then
    vim.b[buf].rgt_left = true
    vim.fn.jobstop(vim.bo[buf].channel)
  end
end

---@param buf integer
local function map(buf)
  -- Ctrl+\ is Neovim's own prefix in terminals, which stays; tmux would never see it.
  for _, own in ipairs({ '<C-\\><C-n>', '<C-\\><C-o>' }) do
    vim.keymap.set('t', own, own, { buffer = buf, desc = 'Neovim: leave terminal mode' })
  end
  local function leave()
    M.detach(buf)
  end
  vim.keymap.set('t', '<C-\\>', leave, { buffer = buf, desc = 'rgt: detach' })
  vim.keymap.set('t', '<C-\\><C-\\>', leave, { buffer = buf, desc = 'rgt: detach at once' })
  vim.keymap.set('n', '<C-\\>', leave, { buffer = buf, nowait = true, desc = 'rgt: detach' })
end

--- Show a program in a terminal of its own.
---@param spec rgt.AttachSpec
---@param name? string What there is one terminal of; the agent when nothing is said
---@return integer buf
function M.open(spec, name)
  name = name or spec.agent
  local known = M.find(name)
  if known and not vim.b[known].rgt_ended then
    reveal(known)
    return known
  elseif known then
    vim.api.nvim_buf_delete(known, { force = true })
  end
  config.open_window()
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_win_set_buf(0, buf)
  vim.bo[buf].bufhidden = 'hide'
  vim.b[buf].rgt_terminal, vim.b[buf].rgt_agent = name, spec.agent
  vim.fn.jobstart(spec.argv, {
    term = true,
    -- tmux refuses to attach inside of tmux.
    env = { TMUX = '', TMUX_PANE = '' },
    on_exit = function(_, code)
      -- What an error has printed stays to be read.
      if not vim.api.nvim_buf_is_valid(buf) then
        return
      elseif code == 0 or vim.b[buf].rgt_left then
        vim.api.nvim_buf_delete(buf, { force = true })
      else
        vim.b[buf].rgt_ended = true
      end
    end,
  })
  vim.api.nvim_buf_set_name(buf, 'rgt-terminal:/' .. name)
  vim.b[buf].term_title = spec.title
  map(buf)
  vim.cmd.startinsert()
  return buf
end

--- Attach to an agent, or only watch it.
---@param agent string Its address, or its name where only one has it
---@param watch? boolean
function M.attach(agent, watch)
  server.call('attachSpec', { agent = agent, read_only = watch or false }, function(spec)
    M.open(spec, watch and spec.agent .. ' (watched)' or nil)
  end)
end

return M
