--- Talking with agents: a line, the lines that were selected, letters.
local at = require('rgt.at')
local pick = require('rgt.pick')
local say = require('rgt.say')
local server = require('rgt.server')

local M = {}

---@param to string
---@param text string
---@param more? table
local function send(to, text, more, done)
  server.call('mail.send', vim.tbl_extend('error', { to = to, text = text }, more or {}), done)
end

--- Say something to an agent: `{ agent?, words… }`.
---@param args string[]
function M.chat(args)
  local words = table.concat(args, ' ', 2)
  pick.the_agent(args[1] or at.agent(), 'Chat with', function(agent)
    if words ~= '' then
      return send(agent, words)
    end
    pick.text(agent .. ': ', nil, function(text)
      send(agent, text)
    end)
  end)
end

--- Send lines to an agent with their place, and what is to be done with them: `{ agent?, words… }`.
---@param args string[]
---@param range rgt.Range
function M.send(args, range)
  local words, quote = table.concat(args, ' ', 2), at.quote(vim.api.nvim_get_current_buf(), range)
  pick.the_agent(args[1] or at.agent(), 'Send to', function(agent)
    if words ~= '' then
      return send(agent, words .. '\n\n' .. quote)
    end
    vim.ui.input({ prompt = agent .. ': ' }, function(text)
      -- Escape is no, an empty line is yes: the lines may speak for themselves.
      if text then
        send(agent, vim.trim(text .. '\n\n' .. quote))
      end
    end)
  end)
end

--- Write a letter in a buffer; `:write` sends it.
---@param to string
---@param reply? { number: integer, subject: string }
function M.compose(to, reply)
  vim.cmd('botright split')
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_win_set_buf(0, buf)
  vim.api.nvim_buf_set_name(buf, ('rgt-letter:/%s#%d'):format(to, buf))
  vim.bo[buf].buftype = 'acwrite'
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].filetype = 'markdown'
  vim.wo[0][0].winbar = ('to %s — :write sends it'):format(to)
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    buffer = buf,
    callback = function()
      local text = vim.trim(table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), '\n'))
      if text == '' then
        return say.error('the letter is empty')
      end
      local more = reply and { reply_to = reply.number, subject = reply.subject } or nil
      send(to, text, more, function()
        if vim.api.nvim_buf_is_valid(buf) then
          vim.bo[buf].modified = false
          vim.api.nvim_buf_delete(buf, {})
        end
      end)
    end,
  })
end

---@class rgt.Letter
---@field number integer
---@field sender string
---@field subject string
---@field text string
---@field at string
---@field state string

---@param letter rgt.Letter
local function show(letter)
  vim.cmd('botright split')
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_win_set_buf(0, buf)
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].filetype = 'markdown'
  vim.wo[0][0].winbar = ('%s, %s — r replies'):format(letter.sender, letter.at:sub(1, 16):gsub('T', ' '))
  local lines = vim.split(letter.text, '\n', { plain = true })
  if letter.subject ~= '' then
    lines = vim.list_extend({ '# ' .. letter.subject, '' }, lines)
  end
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modifiable = false
  vim.keymap.set('n', 'r', function()
    M.compose(letter.sender, letter)
  end, { buffer = buf, nowait = true, desc = 'rgt: reply' })
end

--- Choose one of your letters and read it.
function M.inbox()
  server.call('mail.inbox', {}, function(found)
    if #found.rows == 0 then
      return vim.api.nvim_echo({ { 'no mail' } }, true, {})
    end
    vim.ui.select(found.rows, {
      prompt = 'Mail',
      kind = 'rgt',
      format_item = function(letter)
        local about = letter.subject ~= '' and letter.subject or letter.text:gsub('%s+', ' '):sub(1, 60)
        return ('%s%s · %s'):format(letter.state == 'taken' and '' or 'new · ', letter.sender, about)
      end,
    }, function(letter)
      if letter then
        server.call('mail.read', { numbers = { letter.number } }, function(read)
          show(read.rows[1])
        end)
      end
    end)
  end)
end

return M
