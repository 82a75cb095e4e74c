-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Valid statements that are hard to tell apart; every one that the server must see holds the word case in a comment.
# SHUTDOWN;
SELECT /*case*/ 1; SELECT /*case*/ ';', ";", `a;b` FROM (SELECT 1 AS `a;b`) AS x;
SELECT /*case*/ 'a''b;', "a""b;", 'it\'s;', "a\";", '\\'; SELECT /*case*/ 2;
SELECT /*case*/ 1 -- ; not here '
  + 1 # nor here; "
  + 1 --	;tab
  ;
SELECT /*case*/ 5--2, 5-- 2
 , 3 ;
SELECT /*case*/ 4/2*3, /* ; ' " ` -- */ 7;
SELECT /*case*/ /*! 1 + */ 2, '/*', "*/" /*!, ';' */;
/*! SELECT 8 + '/*case*/' */;
SELECT /*case*/ 'over
several; lines
-- not a comment
DELIMITER $$
';
DELIMITER $$
SELECT /*case*/ 'a;b'; $$ SELECT /*case*/ '$', '$$' $$
CREATE PROCEDURE p() BEGIN /*case*/ SELECT 1; SELECT '$$;'; -- $ ; $
END $$
DELIMITER //
SELECT /*case*/ 8/2 // SELECT /*case*/ '//' //
delimiter ;
SELECT /*case*/ NULL, 'x';
SELECT /*case*/ 0xC0FFEE, x'3B', _utf8mb4';', N';' ;;; ;
SELECT /*case*/ 'last one without delimiter'
