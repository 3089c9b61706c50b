--- Terminals of agents: one buffer each. Whatever ends here only detaches; the agent goes on.
local config = require('rgt.config')
local server = require('rgt.server')

local M = {}

---@class rgt.AttachSpec What `rgt.server.attachSpec` answers
---@field agent string Its whole address
---@field argv string[]
---@field title string

--- The buffer that shows an agent.
---@param agent string
---@return integer? buf
function M.find(agent)
  return vim.iter(vim.api.nvim_list_bufs()):find(function(buf)
    return vim.api.nvim_buf_is_loaded(buf) and vim.b[buf].rgt_agent == agent
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
---@return integer buf
function M.open(spec)
  local known = M.find(spec.agent)
  if known then
    reveal(known)
    return known
  end
  config.open_window()
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_win_set_buf(0, buf)
  vim.bo[buf].bufhidden = 'hide'
  vim.b[buf].rgt_agent = spec.agent
  vim.fn.jobstart(spec.argv, {
    term = true,
    -- tmux refuses to attach inside of tmux.
    env = { TMUX = '', TMUX_PANE = '' },
    on_exit = function(_, code)
      -- What an error has printed stays to be read.
      if vim.api.nvim_buf_is_valid(buf) and (code == 0 or vim.b[buf].rgt_left) then
        vim.api.nvim_buf_delete(buf, { force = true })
      end
    end,
  })
  vim.api.nvim_buf_set_name(buf, 'rgt-terminal:/' .. spec.agent)
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
    if watch then
      spec.agent = spec.agent .. ' (watched)'
    end
    M.open(spec)
  end)
end

return M
