;;; What eglot shows of the item in a file: its card, its page, its actions. Prints one line each.  -*- lexical-binding: t -*-

(require 'eglot)
(setq eglot-server-programs '((text-mode . ("rgt" "lsp")))
      eglot-sync-connect 20
      eglot-autoshutdown nil)

(defun within (seconds probe)
  "The first value of PROBE that is not nil, within SECONDS."
  (let ((until (+ (float-time) seconds)) value)
    (while (and (not (setq value (funcall probe))) (< (float-time) until))
      (accept-process-output nil 0.1))
    value))

(defun card ()
  "What eglot gives eldoc for the place at point."
  (let (shown)
    (eglot-hover-eldoc-function (lambda (text &rest _) (setq shown text)))
    (within 2 (lambda () shown))))

(find-file (car command-line-args-left))
(text-mode)
(apply #'eglot (eglot--guess-contact))
(goto-char (point-min))
(search-forward "gt-")
(princ (format "card: %s\n" (replace-regexp-in-string "\n" " " (or (within 20 #'card) "nothing"))))
(princ (format "page: %s\n" (xref-location-group
                             (xref-item-location (car (xref-backend-definitions 'eglot (xref-backend-identifier-at-point 'eglot)))))))
(eglot-shutdown (eglot-current-server))
