--- Pages of the town, `rgt:/town.md` and the like: read from the server, and again when they change.
local say = require('rgt.say')
local server = require('rgt.server')

local M = {}

---@param buf integer
---@param text string
local function fill(buf, text)
  if not vim.api.nvim_buf_is_loaded(buf) then
    return
  end
  local lines = vim.split((text:gsub('\n$', '')), '\n', { plain = true })
  if vim.deep_equal(lines, vim.api.nvim_buf_get_lines(buf, 0, -1, false)) then
    return
  end
  -- Who looks at the end, such as of a log that grows, stays there.
  local at_end = vim.iter(vim.fn.win_findbuf(buf)):filter(function(win)
    return vim.api.nvim_win_get_cursor(win)[1] == vim.api.nvim_buf_line_count(buf)
  end)
  at_end = vim.bo[buf].filetype == 'rgtlog' and at_end:totable() or {}
  vim.bo[buf].modifiable = true
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modifiable = false
  vim.bo[buf].modified = false
  for _, win in ipairs(at_end) do
    vim.api.nvim_win_set_cursor(win, { #lines, 0 })
  end
end

---@param name string
---@return string
local function filetype(name)
  return name:match('%.md$') and 'markdown' or name:match('%.diff$') and 'diff' or 'rgtlog'
end

---@param buf integer
---@param uri string
---@param after? fun()
local function load(buf, uri, after)
  server.call('document', { uri = uri }, function(page)
    fill(buf, page.text)
    if after then
      after()
    end
  end, function(err)
    fill(buf, 'rgt: ' .. err.message)
  end)
end

--- Fill a buffer with the page of its name: what `BufReadCmd` does.
---@param buf integer
---@param uri string
function M.read(buf, uri)
  vim.bo[buf].buftype = 'nofile'
  vim.bo[buf].swapfile = false
  vim.bo[buf].undolevels = -1
  vim.bo[buf].modifiable = false
  vim.bo[buf].filetype = filetype(uri)
  for _, key in ipairs({ '<CR>', 'gf', 'gx' }) do
    vim.keymap.set('n', key, M.follow, { buffer = buf, desc = 'rgt: open what is named here' })
  end
  load(buf, uri, function()
    -- `vim.lsp.enable` leaves out buffers that are no files; lenses and links need the server here, too.
    local client = server.client()
    if client and vim.api.nvim_buf_is_loaded(buf) then
      vim.lsp.buf_attach_client(buf, client.id)
    end
  end)
end

--- `workspace/textDocumentContent/refresh`
---@param uri string
function M.refresh(uri)
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buf) and vim.api.nvim_buf_get_name(buf) == uri then
      load(buf, uri)
    end
  end
  return vim.NIL
end

--- Open a page in the current window, read anew.
---@param uri string
function M.open(uri)
  M.refresh(uri)
  vim.cmd.edit({ uri, magic = { file = false, bar = false } })
end

--- Open the page of an item, an agent or a rig.
---@param id string
function M.show(id)
  server.call('show', { id = id }, nil)
end

--- Open what is named under the cursor.
function M.follow()
  require('rgt.compat').follow(function()
    say.error('no item or agent is named here')
  end)
end

return M
