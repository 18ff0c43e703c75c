-- A history as the last version before the rules of docs/money.md wrote it (schema 4, commit 1b96010): that program
-- played cases of cases.py as scripts, and a session was removed. Ids are shortened, and members that are null are
-- left out of the JSON of charges.
BEGIN TRANSACTION;
CREATE TABLE answers (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        text TEXT NOT NULL
    );
INSERT INTO "answers" VALUES('turn_1','done');
INSERT INTO "answers" VALUES('turn_2','done');
INSERT INTO "answers" VALUES('turn_3','done');
INSERT INTO "answers" VALUES('turn_4','done');
INSERT INTO "answers" VALUES('turn_5','done');
INSERT INTO "answers" VALUES('turn_6','done');
INSERT INTO "answers" VALUES('turn_7','done');
INSERT INTO "answers" VALUES('turn_8','done');
INSERT INTO "answers" VALUES('turn_9','done');
INSERT INTO "answers" VALUES('turn_10','done');
INSERT INTO "answers" VALUES('turn_11','done');
INSERT INTO "answers" VALUES('turn_12','done');
INSERT INTO "answers" VALUES('turn_13','done');
INSERT INTO "answers" VALUES('turn_14','done');
INSERT INTO "answers" VALUES('turn_15','done');
CREATE TABLE charges (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('charge', 'correction')),
        turn_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        worker_id TEXT,
        at_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        budget TEXT,
        reading TEXT NOT NULL CHECK (reading IN ('total', 'per_turn', 'none')),
        final INTEGER NOT NULL CHECK (final IN (0, 1)),
        usd_pico INTEGER CHECK (typeof(usd_pico) IN ('integer', 'null')),
        micro_credits INTEGER CHECK (typeof(micro_credits) IN ('integer', 'null')),
        model_pico INTEGER CHECK (typeof(model_pico) IN ('integer', 'null')),
        tool_pico INTEGER CHECK (typeof(tool_pico) IN ('integer', 'null')),
        sandbox_pico INTEGER CHECK (typeof(sandbox_pico) IN ('integer', 'null')),
        internal_pico INTEGER CHECK (typeof(internal_pico) IN ('integer', 'null')),
        input_tokens INTEGER CHECK (typeof(input_tokens) IN ('integer', 'null')),
        output_tokens INTEGER CHECK (typeof(output_tokens) IN ('integer', 'null')),
        reasoning_tokens INTEGER CHECK (typeof(reasoning_tokens) IN ('integer', 'null')),
        cache_read_tokens INTEGER CHECK (typeof(cache_read_tokens) IN ('integer', 'null')),
        cache_write_tokens INTEGER CHECK (typeof(cache_write_tokens) IN ('integer', 'null')),
        total_tokens INTEGER CHECK (typeof(total_tokens) IN ('integer', 'null')),
        steps INTEGER CHECK (typeof(steps) IN ('integer', 'null')),
        duration_ms INTEGER CHECK (typeof(duration_ms) IN ('integer', 'null')),
        exact TEXT NOT NULL,
        snapshot TEXT NOT NULL
    , base_url TEXT, started_by TEXT, sources INTEGER CHECK (typeof(sources) IN ('integer', 'null')), elapsed_ms INTEGER CHECK (typeof(elapsed_ms) IN ('integer', 'null')));
INSERT INTO "charges" VALUES(1,'charge','turn_1','ses_1',NULL,1795762009256,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(2,'correction','turn_1','ses_1','wrk_1',1795762009521,'completed','standard','total',1,10100000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"10.1"}','{"cost_usd":"10.1"}','http://127.0.0.1:9','headless',0,265);
INSERT INTO "charges" VALUES(3,'charge','turn_2','ses_1','wrk_1',1795762013446,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(4,'correction','turn_2','ses_1','wrk_1',1795762013686,'completed','standard','total',1,10100000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"10.100000000000003"}','{"cost_usd":"20.200000000000003"}','http://127.0.0.1:9','headless',0,240);
INSERT INTO "charges" VALUES(5,'charge','turn_3','ses_1','wrk_1',1795762016971,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(6,'correction','turn_2','ses_1','wrk_1',1795762017223,'completed','standard','per_turn',1,10100000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"20.200000000000003"}','{"cost_usd":"20.200000000000003"}','http://127.0.0.1:9','headless',0,240);
INSERT INTO "charges" VALUES(7,'correction','turn_3','ses_1','wrk_1',1795762017223,'accepted','standard','per_turn',0,20200000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"20.2"}','{"cost_usd":"20.2"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(8,'correction','turn_3','ses_1','wrk_1',1795762017267,'completed','standard','per_turn',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"20.2"}','{"cost_usd":"20.2"}','http://127.0.0.1:9','headless',0,296);
INSERT INTO "charges" VALUES(9,'charge','turn_4','ses_1','wrk_1',1795762019217,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(10,'correction','turn_4','ses_1','wrk_1',1795762019373,'completed','standard','per_turn',1,30300000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"30.3"}','{"cost_usd":"30.3"}','http://127.0.0.1:9','headless',0,156);
INSERT INTO "charges" VALUES(11,'charge','turn_16','ses_2',NULL,1795762020752,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(12,'correction','turn_16','ses_2','wrk_2',1795762020874,'completed','standard','total',1,5000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,300,'{"cost_usd":"5","duration_ms":"300"}','{"cost_usd":"5","duration_ms":"300"}','http://127.0.0.1:9','headless',0,122);
INSERT INTO "charges" VALUES(13,'charge','turn_17','ses_2','wrk_2',1795762023564,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(14,'correction','turn_17','ses_2','wrk_2',1795762023733,'completed','standard','per_turn',1,10000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,100,'{"cost_usd":"10","duration_ms":"100"}','{"cost_usd":"10","duration_ms":"100"}','http://127.0.0.1:9','headless',0,169);
INSERT INTO "charges" VALUES(15,'charge','turn_18','ses_2','wrk_2',1795762025681,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(16,'correction','turn_18','ses_2','wrk_2',1795762026023,'accepted','standard','per_turn',0,15000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,200,'{"cost_usd":"15","duration_ms":"200"}','{"cost_usd":"15","duration_ms":"200"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(17,'correction','turn_18','ses_2','wrk_2',1795762026078,'completed','standard','per_turn',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'{"cost_usd":"15","duration_ms":"200"}','{"cost_usd":"15","duration_ms":"200"}','http://127.0.0.1:9','headless',0,397);
INSERT INTO "charges" VALUES(18,'charge','turn_5','ses_3',NULL,1795762029528,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(19,'correction','turn_5','ses_3','wrk_3',1795762029929,'accepted','standard','total',0,200000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.2"}','{"cost_usd":"0.2"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(20,'correction','turn_5','ses_3','wrk_3',1795762029932,'completed','standard','total',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.2"}','{"cost_usd":"0.2"}','http://127.0.0.1:9','headless',0,404);
INSERT INTO "charges" VALUES(21,'charge','turn_6','ses_3','wrk_3',1795762033344,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(22,'correction','turn_6','ses_3','wrk_3',1795762033585,'completed','standard','total',1,300000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.3"}','{"cost_usd":"0.5"}','http://127.0.0.1:9','headless',0,241);
INSERT INTO "charges" VALUES(23,'charge','turn_7','ses_3','wrk_3',1795762036471,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(24,'correction','turn_6','ses_3','wrk_3',1795762036471,'completed','standard','per_turn',1,200000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.5"}','{"cost_usd":"0.5"}','http://127.0.0.1:9','headless',0,241);
INSERT INTO "charges" VALUES(25,'correction','turn_7','ses_3','wrk_3',1795762036774,'accepted','standard','per_turn',0,500000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.5"}','{"cost_usd":"0.5"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(26,'correction','turn_7','ses_3','wrk_3',1795762036822,'completed','standard','per_turn',1,200000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.7"}','{"cost_usd":"0.7"}','http://127.0.0.1:9','headless',0,351);
INSERT INTO "charges" VALUES(27,'charge','turn_8','ses_4',NULL,1795762039427,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(28,'correction','turn_8','ses_4','wrk_4',1795762039669,'accepted','standard','total',0,1000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"1"}','{"cost_usd":"1"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(29,'correction','turn_8','ses_4','wrk_4',1795762039675,'completed','standard','total',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"1"}','{"cost_usd":"1"}','http://127.0.0.1:9','headless',0,248);
INSERT INTO "charges" VALUES(30,'charge','turn_9','ses_4','wrk_4',1795762042431,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(31,'correction','turn_9','ses_4','wrk_4',1795762042686,'accepted','standard','total',0,1000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"1"}','{"cost_usd":"2"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(32,'correction','turn_9','ses_4','wrk_4',1795762042693,'completed','standard','total',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"1"}','{"cost_usd":"2"}','http://127.0.0.1:9','headless',0,262);
INSERT INTO "charges" VALUES(33,'charge','turn_10','ses_4','wrk_4',1795762045014,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(34,'correction','turn_10','ses_4','wrk_4',1795762045275,'accepted','standard','total',0,1000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"1"}','{"cost_usd":"3"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(35,'correction','turn_10','ses_4','wrk_4',1795762045279,'completed','standard','total',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"1"}','{"cost_usd":"3"}','http://127.0.0.1:9','headless',0,265);
INSERT INTO "charges" VALUES(36,'charge','turn_11','ses_4','wrk_4',1795762048415,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(37,'correction','turn_9','ses_4','wrk_4',1795762048415,'completed','standard','per_turn',1,1000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"2"}','{"cost_usd":"2"}','http://127.0.0.1:9','headless',0,262);
INSERT INTO "charges" VALUES(38,'correction','turn_10','ses_4','wrk_4',1795762048415,'completed','standard','per_turn',1,2000000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"3"}','{"cost_usd":"3"}','http://127.0.0.1:9','headless',0,265);
INSERT INTO "charges" VALUES(39,'correction','turn_11','ses_4','wrk_4',1795762048652,'accepted','standard','per_turn',0,500000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.5"}','{"cost_usd":"0.5"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(40,'correction','turn_11','ses_4','wrk_4',1795762048706,'completed','standard','per_turn',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.5"}','{"cost_usd":"0.5"}','http://127.0.0.1:9','headless',0,291);
INSERT INTO "charges" VALUES(41,'charge','turn_12','ses_4','wrk_4',1795762050247,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(42,'correction','turn_12','ses_4','wrk_4',1795762050405,'completed','standard','per_turn',1,900000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"cost_usd":"0.9"}','{"cost_usd":"0.9"}','http://127.0.0.1:9','headless',0,158);
INSERT INTO "charges" VALUES(43,'charge','turn_13','ses_5',NULL,1795762051734,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(44,'correction','turn_13','ses_5','wrk_5',1795762051821,'accepted','standard','total',0,NULL,3000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"credits":"3"}','{"credits":"3"}','http://127.0.0.1:9','headless',0,NULL);
INSERT INTO "charges" VALUES(45,'correction','turn_13','ses_5','wrk_5',1795762051822,'completed','standard','total',1,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"credits":"3"}','{"credits":"3"}','http://127.0.0.1:9','headless',0,88);
INSERT INTO "charges" VALUES(46,'charge','turn_14','ses_5','wrk_5',1795762053053,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(47,'correction','turn_14','ses_5','wrk_5',1795762053202,'completed','standard','total',1,NULL,2000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"credits":"2"}','{"credits":"5"}','http://127.0.0.1:9','headless',0,149);
INSERT INTO "charges" VALUES(48,'charge','turn_15','ses_5','wrk_5',1795762054452,'queued','standard','none',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{}','null','http://127.0.0.1:9','headless',NULL,NULL);
INSERT INTO "charges" VALUES(49,'correction','turn_14','ses_5','wrk_5',1795762054557,'completed','standard','per_turn',1,NULL,3000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"credits":"5"}','{"credits":"5"}','http://127.0.0.1:9','headless',0,149);
INSERT INTO "charges" VALUES(50,'correction','turn_15','ses_5','wrk_5',1795762054557,'completed','standard','per_turn',1,NULL,2000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"credits":"2"}','{"credits":"2"}','http://127.0.0.1:9','headless',0,105);
CREATE TABLE drafts (session_id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE frames (
        turn_id TEXT NOT NULL REFERENCES turns (turn_id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        framing TEXT NOT NULL,
        event TEXT NOT NULL,
        id TEXT,
        data TEXT NOT NULL,
        UNIQUE (turn_id, seq)
    );
INSERT INTO "frames" VALUES('turn_1',0,1795762009272,'note','sending',NULL,'{"worker_id":null}');
INSERT INTO "frames" VALUES('turn_1',1,1795762009459,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_1',2,1795762009487,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_1"}}');
INSERT INTO "frames" VALUES('turn_1',3,1795762009502,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_1',4,1795762009502,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_1',5,1795762009502,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_1',6,1795762009502,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_1',7,1795762009502,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_1',8,1795762009502,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_1',9,1795762009520,'json','after',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 10.1}}');
INSERT INTO "frames" VALUES('turn_1',10,1795762009521,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_2',0,1795762013591,'json','before',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 10.1}}');
INSERT INTO "frames" VALUES('turn_2',1,1795762013592,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_2',2,1795762013592,'note','sending',NULL,'{"worker_id":"wrk_1"}');
INSERT INTO "frames" VALUES('turn_2',3,1795762013617,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_2',4,1795762013646,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_1"}}');
INSERT INTO "frames" VALUES('turn_2',5,1795762013646,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_2',6,1795762013647,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_2',7,1795762013647,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_2',8,1795762013647,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_2',9,1795762013647,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_2',10,1795762013678,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_2',11,1795762013686,'json','money',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 20.200000000000003}}');
INSERT INTO "frames" VALUES('turn_2',12,1795762013686,'json','after',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 20.200000000000003}}');
INSERT INTO "frames" VALUES('turn_2',13,1795762013686,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_3',0,1795762017086,'json','before',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 20.200000000000003}}');
INSERT INTO "frames" VALUES('turn_3',1,1795762017086,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_3',2,1795762017086,'note','sending',NULL,'{"worker_id":"wrk_1"}');
INSERT INTO "frames" VALUES('turn_3',3,1795762017145,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_3',4,1795762017171,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_1"}}');
INSERT INTO "frames" VALUES('turn_3',5,1795762017171,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_3',6,1795762017171,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_3',7,1795762017171,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_3',8,1795762017171,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_3',9,1795762017171,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_3',10,1795762017183,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_3',11,1795762017223,'json','money',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 20.2}}');
INSERT INTO "frames" VALUES('turn_3',12,1795762017267,'json','after',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 20.2}}');
INSERT INTO "frames" VALUES('turn_3',13,1795762017267,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_4',0,1795762019325,'json','before',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 20.2}}');
INSERT INTO "frames" VALUES('turn_4',1,1795762019326,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_4',2,1795762019326,'note','sending',NULL,'{"worker_id":"wrk_1"}');
INSERT INTO "frames" VALUES('turn_4',3,1795762019348,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_4',4,1795762019365,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_1"}}');
INSERT INTO "frames" VALUES('turn_4',5,1795762019365,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_4',6,1795762019365,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_4',7,1795762019365,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_4',8,1795762019365,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_4',9,1795762019365,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_4',10,1795762019366,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_4',11,1795762019372,'json','after',NULL,'{"id": "wrk_1", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m4u", "role": "user", "parts": [{"type": "text", "text": "a float is printed with other last digits 3"}]}, {"id": "m4a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 30.3}}');
INSERT INTO "frames" VALUES('turn_4',12,1795762019373,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_5',0,1795762029570,'note','sending',NULL,'{"worker_id":null}');
INSERT INTO "frames" VALUES('turn_5',1,1795762029752,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_5',2,1795762029814,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_3"}}');
INSERT INTO "frames" VALUES('turn_5',3,1795762029816,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_5',4,1795762029816,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_5',5,1795762029816,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_5',6,1795762029816,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_5',7,1795762029816,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_5',8,1795762029818,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_5',9,1795762029929,'json','money',NULL,'{"id": "wrk_3", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.2}}');
INSERT INTO "frames" VALUES('turn_5',10,1795762029932,'json','after',NULL,'{"id": "wrk_3", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.2}}');
INSERT INTO "frames" VALUES('turn_5',11,1795762029932,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_6',0,1795762033486,'json','before',NULL,'{"id": "wrk_3", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.2}}');
INSERT INTO "frames" VALUES('turn_6',1,1795762033486,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_6',2,1795762033486,'note','sending',NULL,'{"worker_id":"wrk_3"}');
INSERT INTO "frames" VALUES('turn_6',3,1795762033518,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_6',4,1795762033534,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_3"}}');
INSERT INTO "frames" VALUES('turn_6',5,1795762033534,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_6',6,1795762033534,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_6',7,1795762033534,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_6',8,1795762033534,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_6',9,1795762033534,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_6',10,1795762033535,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_6',11,1795762033585,'json','after',NULL,'{"id": "wrk_3", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.5}}');
INSERT INTO "frames" VALUES('turn_6',12,1795762033585,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_7',0,1795762036687,'json','before',NULL,'{"id": "wrk_3", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.2}}');
INSERT INTO "frames" VALUES('turn_7',1,1795762036688,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_7',2,1795762036688,'note','sending',NULL,'{"worker_id":"wrk_3"}');
INSERT INTO "frames" VALUES('turn_7',3,1795762036718,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_7',4,1795762036737,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_3"}}');
INSERT INTO "frames" VALUES('turn_7',5,1795762036737,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_7',6,1795762036737,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_7',7,1795762036764,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_7',8,1795762036764,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_7',9,1795762036764,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_7',10,1795762036774,'json','money',NULL,'{"id": "wrk_3", "status": "running", "running": true, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 2"}]}], "output_text": "", "usage": {"costUsd": 0.5}}');
INSERT INTO "frames" VALUES('turn_7',11,1795762036774,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_7',12,1795762036821,'json','after',NULL,'{"id": "wrk_3", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "one answer has old figures 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.7}}');
INSERT INTO "frames" VALUES('turn_7',13,1795762036822,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_8',0,1795762039446,'note','sending',NULL,'{"worker_id":null}');
INSERT INTO "frames" VALUES('turn_8',1,1795762039579,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_8',2,1795762039622,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_4"}}');
INSERT INTO "frames" VALUES('turn_8',3,1795762039647,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_8',4,1795762039647,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_8',5,1795762039647,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_8',6,1795762039647,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_8',7,1795762039647,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_8',8,1795762039649,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_8',9,1795762039669,'json','money',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 1}}');
INSERT INTO "frames" VALUES('turn_8',10,1795762039675,'json','after',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 1}}');
INSERT INTO "frames" VALUES('turn_8',11,1795762039675,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_9',0,1795762042616,'json','before',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 1}}');
INSERT INTO "frames" VALUES('turn_9',1,1795762042620,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_9',2,1795762042620,'note','sending',NULL,'{"worker_id":"wrk_4"}');
INSERT INTO "frames" VALUES('turn_9',3,1795762042664,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_9',4,1795762042677,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_4"}}');
INSERT INTO "frames" VALUES('turn_9',5,1795762042677,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_9',6,1795762042677,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_9',7,1795762042677,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_9',8,1795762042678,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_9',9,1795762042678,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_9',10,1795762042679,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_9',11,1795762042686,'json','money',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 2}}');
INSERT INTO "frames" VALUES('turn_9',12,1795762042693,'json','after',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 2}}');
INSERT INTO "frames" VALUES('turn_9',13,1795762042693,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_10',0,1795762045161,'json','before',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 2}}');
INSERT INTO "frames" VALUES('turn_10',1,1795762045161,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_10',2,1795762045161,'note','sending',NULL,'{"worker_id":"wrk_4"}');
INSERT INTO "frames" VALUES('turn_10',3,1795762045187,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_10',4,1795762045234,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_4"}}');
INSERT INTO "frames" VALUES('turn_10',5,1795762045235,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_10',6,1795762045235,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_10',7,1795762045235,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_10',8,1795762045235,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_10',9,1795762045235,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_10',10,1795762045239,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_10',11,1795762045275,'json','money',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 3}}');
INSERT INTO "frames" VALUES('turn_10',12,1795762045279,'json','after',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 3}}');
INSERT INTO "frames" VALUES('turn_10',13,1795762045279,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_11',0,1795762048542,'json','before',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0}}');
INSERT INTO "frames" VALUES('turn_11',1,1795762048542,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_11',2,1795762048542,'note','sending',NULL,'{"worker_id":"wrk_4"}');
INSERT INTO "frames" VALUES('turn_11',3,1795762048585,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_11',4,1795762048614,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_4"}}');
INSERT INTO "frames" VALUES('turn_11',5,1795762048614,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_11',6,1795762048614,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_11',7,1795762048614,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_11',8,1795762048614,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_11',9,1795762048614,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_11',10,1795762048627,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_11',11,1795762048652,'json','money',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m4u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 3"}]}, {"id": "m4a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.5}}');
INSERT INTO "frames" VALUES('turn_11',12,1795762048706,'json','after',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m4u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 3"}]}, {"id": "m4a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.5}}');
INSERT INTO "frames" VALUES('turn_11',13,1795762048706,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_12',0,1795762050331,'json','before',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m4u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 3"}]}, {"id": "m4a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.5}}');
INSERT INTO "frames" VALUES('turn_12',1,1795762050336,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_12',2,1795762050336,'note','sending',NULL,'{"worker_id":"wrk_4"}');
INSERT INTO "frames" VALUES('turn_12',3,1795762050347,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_12',4,1795762050351,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_4"}}');
INSERT INTO "frames" VALUES('turn_12',5,1795762050351,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_12',6,1795762050351,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_12',7,1795762050351,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_12',8,1795762050351,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_12',9,1795762050351,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_12',10,1795762050357,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_12',11,1795762050404,'json','after',NULL,'{"id": "wrk_4", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m4u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 3"}]}, {"id": "m4a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m5u", "role": "user", "parts": [{"type": "text", "text": "the service restarts 4"}]}, {"id": "m5a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"costUsd": 0.9}}');
INSERT INTO "frames" VALUES('turn_12',12,1795762050405,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_13',0,1795762051744,'note','sending',NULL,'{"worker_id":null}');
INSERT INTO "frames" VALUES('turn_13',1,1795762051791,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_13',2,1795762051799,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_5"}}');
INSERT INTO "frames" VALUES('turn_13',3,1795762051806,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_13',4,1795762051807,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_13',5,1795762051807,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_13',6,1795762051807,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_13',7,1795762051807,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_13',8,1795762051813,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_13',9,1795762051821,'json','money',NULL,'{"id": "wrk_5", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"credits": 3}}');
INSERT INTO "frames" VALUES('turn_13',10,1795762051822,'json','after',NULL,'{"id": "wrk_5", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"credits": 3}}');
INSERT INTO "frames" VALUES('turn_13',11,1795762051822,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_14',0,1795762053123,'json','before',NULL,'{"id": "wrk_5", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"credits": 3}}');
INSERT INTO "frames" VALUES('turn_14',1,1795762053123,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_14',2,1795762053124,'note','sending',NULL,'{"worker_id":"wrk_5"}');
INSERT INTO "frames" VALUES('turn_14',3,1795762053139,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_14',4,1795762053143,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_5"}}');
INSERT INTO "frames" VALUES('turn_14',5,1795762053143,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_14',6,1795762053143,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_14',7,1795762053143,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_14',8,1795762053143,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_14',9,1795762053143,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_14',10,1795762053148,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_14',11,1795762053202,'json','after',NULL,'{"id": "wrk_5", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"credits": 5}}');
INSERT INTO "frames" VALUES('turn_14',12,1795762053202,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
INSERT INTO "frames" VALUES('turn_15',0,1795762054518,'json','before',NULL,'{"id": "wrk_5", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"credits": 5}}');
INSERT INTO "frames" VALUES('turn_15',1,1795762054519,'note','asked',NULL,'{"times":0}');
INSERT INTO "frames" VALUES('turn_15',2,1795762054519,'note','sending',NULL,'{"worker_id":"wrk_5"}');
INSERT INTO "frames" VALUES('turn_15',3,1795762054533,'note','opened',NULL,'{"via":"post","status":200,"content_type":"text/event-stream","encoding":"","worker_id":null}');
INSERT INTO "frames" VALUES('turn_15',4,1795762054544,'sse','',NULL,'{"type": "start", "messageId": "m", "messageMetadata": {"workerId": "wrk_5"}}');
INSERT INTO "frames" VALUES('turn_15',5,1795762054548,'sse','',NULL,'{"type": "text-start", "id": "t"}');
INSERT INTO "frames" VALUES('turn_15',6,1795762054548,'sse','',NULL,'{"type": "text-delta", "id": "t", "delta": "done"}');
INSERT INTO "frames" VALUES('turn_15',7,1795762054548,'sse','',NULL,'{"type": "text-end", "id": "t"}');
INSERT INTO "frames" VALUES('turn_15',8,1795762054548,'sse','',NULL,'{"type": "finish", "finishReason": "stop"}');
INSERT INTO "frames" VALUES('turn_15',9,1795762054548,'sse','',NULL,'[DONE]');
INSERT INTO "frames" VALUES('turn_15',10,1795762054550,'note','closed',NULL,'{"clean":true}');
INSERT INTO "frames" VALUES('turn_15',11,1795762054557,'json','after',NULL,'{"id": "wrk_5", "status": "completed", "running": false, "messages": [{"id": "m1u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 0"}]}, {"id": "m1a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m2u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 1"}]}, {"id": "m2a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}, {"id": "m3u", "role": "user", "parts": [{"type": "text", "text": "the third reading decides 2"}]}, {"id": "m3a", "role": "assistant", "parts": [{"type": "text", "text": "done"}]}], "output_text": "done", "usage": {"credits": 2}}');
INSERT INTO "frames" VALUES('turn_15',12,1795762054557,'note','settled',NULL,'{"status":"completed","recovered":false,"fault":null}');
CREATE TABLE gathered (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        rule INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        frames TEXT NOT NULL
    );
CREATE TABLE limits (
        id INTEGER PRIMARY KEY,
        scope TEXT NOT NULL CHECK (scope IN ('turn', 'session', 'worker', 'day')),
        whose TEXT NOT NULL,
        unit TEXT NOT NULL CHECK (unit IN ('usd', 'credits')),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount > 0)),
        set_ms INTEGER NOT NULL
    );
CREATE TABLE remote_turns (
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        asked TEXT NOT NULL,
        times INTEGER NOT NULL,
        message_id TEXT,
        turn_id TEXT NOT NULL UNIQUE,
        PRIMARY KEY (base_url, worker_id, asked, times)
    ) WITHOUT ROWID
    ;
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_1','run_1',0,NULL,'turn_3');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_1','run_2',0,NULL,'turn_4');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_1','run_3',0,NULL,'turn_2');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_1','run_4',0,NULL,'turn_1');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_2','run_5',0,NULL,'turn_18');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_2','run_6',0,NULL,'turn_17');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_2','run_7',0,NULL,'turn_16');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_3','run_8',0,NULL,'turn_7');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_3','run_9',0,NULL,'turn_5');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_3','run_10',0,NULL,'turn_6');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_4','run_11',0,NULL,'turn_12');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_4','run_12',0,NULL,'turn_8');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_4','run_13',0,NULL,'turn_9');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_4','run_14',0,NULL,'turn_11');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_4','run_15',0,NULL,'turn_10');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_5','run_16',0,NULL,'turn_15');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_5','run_17',0,NULL,'turn_14');
INSERT INTO "remote_turns" VALUES('http://127.0.0.1:9','wrk_5','run_18',0,NULL,'turn_13');
CREATE TABLE sessions (
        session_id TEXT NOT NULL PRIMARY KEY,
        generation TEXT NOT NULL,
        base_url TEXT NOT NULL,
        worker_id TEXT,
        task_id TEXT,
        title TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        unread INTEGER NOT NULL DEFAULT 0
    );
INSERT INTO "sessions" VALUES('ses_1','workers','http://127.0.0.1:9','wrk_1',NULL,'a float is printed with other last digits 0',1795762009256,1795762019373,0);
INSERT INTO "sessions" VALUES('ses_3','workers','http://127.0.0.1:9','wrk_3',NULL,'one answer has old figures 0',1795762029527,1795762036822,0);
INSERT INTO "sessions" VALUES('ses_4','workers','http://127.0.0.1:9','wrk_4',NULL,'the service restarts 0',1795762039427,1795762050405,0);
INSERT INTO "sessions" VALUES('ses_5','workers','http://127.0.0.1:9','wrk_5',NULL,'the third reading decides 0',1795762051734,1795762054557,0);
CREATE TABLE turn_totals (
        place INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        simulated INTEGER NOT NULL,
        told INTEGER NOT NULL,
        incomplete INTEGER NOT NULL,
        usd_pico INTEGER, micro_credits INTEGER, model_pico INTEGER, tool_pico INTEGER, sandbox_pico INTEGER, internal_pico INTEGER, total_tokens INTEGER,
        budget TEXT,
        started_by TEXT,
        worker_id TEXT,
        session_id TEXT NOT NULL,
        turn_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        reading TEXT NOT NULL,
        final INTEGER NOT NULL,
        corrections INTEGER NOT NULL,
        sources INTEGER,
        elapsed_ms INTEGER,
        input_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, steps INTEGER, duration_ms INTEGER,
        base_url TEXT NOT NULL
    );
INSERT INTO "turn_totals" VALUES(1,1795762009256,0,1,0,10100000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_1','ses_1','turn_1','completed','total',1,0,0,265,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(3,1795762013446,0,1,0,20200000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_1','ses_1','turn_2','completed','per_turn',1,1,0,240,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(5,1795762016971,0,1,0,20200000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_1','ses_1','turn_3','completed','per_turn',1,1,0,296,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(9,1795762019217,0,1,0,30300000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_1','ses_1','turn_4','completed','per_turn',1,0,0,156,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(11,1795762020752,0,1,0,5000000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_2','ses_2','turn_16','completed','total',1,0,0,122,NULL,NULL,NULL,NULL,NULL,NULL,300,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(13,1795762023564,0,1,0,10000000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_2','ses_2','turn_17','completed','per_turn',1,0,0,169,NULL,NULL,NULL,NULL,NULL,NULL,100,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(15,1795762025681,0,1,0,15000000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_2','ses_2','turn_18','completed','per_turn',1,1,0,397,NULL,NULL,NULL,NULL,NULL,NULL,200,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(18,1795762029528,0,1,0,200000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_3','ses_3','turn_5','completed','total',1,1,0,404,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(21,1795762033344,0,1,0,500000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_3','ses_3','turn_6','completed','per_turn',1,1,0,241,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(23,1795762036471,0,1,0,700000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_3','ses_3','turn_7','completed','per_turn',1,1,0,351,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(27,1795762039427,0,1,0,1000000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_4','ses_4','turn_8','completed','total',1,1,0,248,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(30,1795762042431,0,1,0,2000000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_4','ses_4','turn_9','completed','per_turn',1,2,0,262,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(33,1795762045014,0,1,0,3000000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_4','ses_4','turn_10','completed','per_turn',1,2,0,265,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(36,1795762048415,0,1,0,500000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_4','ses_4','turn_11','completed','per_turn',1,1,0,291,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(41,1795762050247,0,1,0,900000000000,NULL,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_4','ses_4','turn_12','completed','per_turn',1,0,0,158,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(43,1795762051734,0,2,0,NULL,3000000,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_5','ses_5','turn_13','completed','total',1,1,0,88,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(46,1795762053053,0,2,0,NULL,5000000,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_5','ses_5','turn_14','completed','per_turn',1,1,0,149,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
INSERT INTO "turn_totals" VALUES(48,1795762054452,0,2,0,NULL,2000000,NULL,NULL,NULL,NULL,NULL,'standard','headless','wrk_5','ses_5','turn_15','completed','per_turn',1,0,0,105,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'http://127.0.0.1:9');
CREATE TABLE turns (
        place INTEGER PRIMARY KEY,
        turn_id TEXT NOT NULL UNIQUE,
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        prompt TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        ordered_worker_id TEXT,
        worker_id TEXT,
        budget TEXT,
        attachments TEXT NOT NULL,
        seen_before INTEGER,
        status TEXT NOT NULL,
        settled_ms INTEGER,
        run TEXT NOT NULL
    , started_by TEXT);
INSERT INTO "turns" VALUES(1,'turn_1','ses_1','a float is printed with other last digits 0',1795762009256,NULL,'wrk_1','standard','[]',NULL,'completed',1795762009521,'run_19','headless');
INSERT INTO "turns" VALUES(2,'turn_2','ses_1','a float is printed with other last digits 1',1795762013446,'wrk_1','wrk_1','standard','[]',0,'completed',1795762013686,'run_20','headless');
INSERT INTO "turns" VALUES(3,'turn_3','ses_1','a float is printed with other last digits 2',1795762016971,'wrk_1','wrk_1','standard','[]',0,'completed',1795762017267,'run_21','headless');
INSERT INTO "turns" VALUES(4,'turn_4','ses_1','a float is printed with other last digits 3',1795762019217,'wrk_1','wrk_1','standard','[]',0,'completed',1795762019373,'run_22','headless');
INSERT INTO "turns" VALUES(8,'turn_5','ses_3','one answer has old figures 0',1795762029528,NULL,'wrk_3','standard','[]',NULL,'completed',1795762029932,'run_23','headless');
INSERT INTO "turns" VALUES(9,'turn_6','ses_3','one answer has old figures 1',1795762033344,'wrk_3','wrk_3','standard','[]',0,'completed',1795762033585,'run_24','headless');
INSERT INTO "turns" VALUES(10,'turn_7','ses_3','one answer has old figures 2',1795762036471,'wrk_3','wrk_3','standard','[]',0,'completed',1795762036822,'run_25','headless');
INSERT INTO "turns" VALUES(11,'turn_8','ses_4','the service restarts 0',1795762039427,NULL,'wrk_4','standard','[]',NULL,'completed',1795762039675,'run_26','headless');
INSERT INTO "turns" VALUES(12,'turn_9','ses_4','the service restarts 1',1795762042431,'wrk_4','wrk_4','standard','[]',0,'completed',1795762042693,'run_27','headless');
INSERT INTO "turns" VALUES(13,'turn_10','ses_4','the service restarts 2',1795762045014,'wrk_4','wrk_4','standard','[]',0,'completed',1795762045279,'run_28','headless');
INSERT INTO "turns" VALUES(14,'turn_11','ses_4','the service restarts 3',1795762048415,'wrk_4','wrk_4','standard','[]',0,'completed',1795762048706,'run_29','headless');
INSERT INTO "turns" VALUES(15,'turn_12','ses_4','the service restarts 4',1795762050247,'wrk_4','wrk_4','standard','[]',0,'completed',1795762050405,'run_30','headless');
INSERT INTO "turns" VALUES(16,'turn_13','ses_5','the third reading decides 0',1795762051734,NULL,'wrk_5','standard','[]',NULL,'completed',1795762051822,'run_31','headless');
INSERT INTO "turns" VALUES(17,'turn_14','ses_5','the third reading decides 1',1795762053053,'wrk_5','wrk_5','standard','[]',0,'completed',1795762053202,'run_32','headless');
INSERT INTO "turns" VALUES(18,'turn_15','ses_5','the third reading decides 2',1795762054452,'wrk_5','wrk_5','standard','[]',0,'completed',1795762054557,'run_33','headless');
CREATE INDEX sessions_by_worker ON sessions (worker_id);
CREATE INDEX sessions_by_age ON sessions (updated_ms);
CREATE INDEX turns_by_session ON turns (session_id, place);
CREATE INDEX turns_by_worker ON turns (worker_id, place);
CREATE INDEX turns_open ON turns (place) WHERE settled_ms IS NULL;
CREATE INDEX frames_of_workers ON frames (turn_id, seq) WHERE framing = 'json';
CREATE UNIQUE INDEX one_charge_per_turn ON charges (turn_id) WHERE kind = 'charge';
CREATE INDEX charges_by_session ON charges (session_id, turn_id);
CREATE INDEX charges_by_time ON charges (at_ms);
CREATE TRIGGER charges_stay BEFORE UPDATE ON charges
    BEGIN SELECT RAISE(ABORT, 'charges are never changed'); END;
CREATE TRIGGER charges_are_kept BEFORE DELETE ON charges
    BEGIN SELECT RAISE(ABORT, 'charges are never deleted'); END;
CREATE INDEX totals_by_time ON turn_totals (at_ms);
CREATE INDEX totals_by_session ON turn_totals (session_id, at_ms);
CREATE INDEX totals_by_worker ON turn_totals (worker_id, at_ms);
CREATE INDEX totals_with_gaps ON turn_totals (at_ms) WHERE told <> 127;
CREATE INDEX limits_by_whose ON limits (whose, id);
CREATE TRIGGER limits_stay BEFORE UPDATE ON limits
    BEGIN SELECT RAISE(ABORT, 'limits are never changed'); END;
CREATE TRIGGER limits_are_kept BEFORE DELETE ON limits
    BEGIN SELECT RAISE(ABORT, 'limits are never deleted'); END;
CREATE UNIQUE INDEX remote_turns_by_message
        ON remote_turns (base_url, worker_id, asked, message_id) WHERE message_id IS NOT NULL
    ;
CREATE TRIGGER charges_are_totalled AFTER INSERT ON charges
    BEGIN INSERT INTO turn_totals (place, at_ms, simulated, told, incomplete, budget, started_by, worker_id, session_id, turn_id, status, reading, final, corrections, sources, elapsed_ms, base_url, usd_pico, micro_credits, model_pico, tool_pico, sandbox_pico, internal_pico, total_tokens, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, steps, duration_ms) VALUES (NEW.id, NEW.at_ms, COALESCE(NEW.base_url, (SELECT s.base_url FROM sessions s WHERE s.session_id = NEW.session_id), '') = 'local', CASE WHEN NEW.final THEN ((NEW.usd_pico IS NOT NULL) << 0) | ((NEW.micro_credits IS NOT NULL) << 1) | ((NEW.model_pico IS NOT NULL) << 2) | ((NEW.tool_pico IS NOT NULL) << 3) | ((NEW.sandbox_pico IS NOT NULL) << 4) | ((NEW.internal_pico IS NOT NULL) << 5) | ((NEW.total_tokens IS NOT NULL) << 6) ELSE 0 END, NEW.status IN ('failed', 'incomplete', 'unknown'), NEW.budget, NEW.started_by, NEW.worker_id, NEW.session_id, NEW.turn_id, NEW.status, NEW.reading, NEW.final, 0, NEW.sources, NEW.elapsed_ms, COALESCE(NEW.base_url, (SELECT s.base_url FROM sessions s WHERE s.session_id = NEW.session_id), ''), NEW.usd_pico, NEW.micro_credits, NEW.model_pico, NEW.tool_pico, NEW.sandbox_pico, NEW.internal_pico, NEW.total_tokens, NEW.input_tokens, NEW.output_tokens, NEW.reasoning_tokens, NEW.cache_read_tokens, NEW.cache_write_tokens, NEW.steps, NEW.duration_ms) 
    ON CONFLICT (turn_id) DO UPDATE SET
        budget = COALESCE(excluded.budget, budget), started_by = COALESCE(excluded.started_by, started_by), worker_id = COALESCE(excluded.worker_id, worker_id), sources = COALESCE(excluded.sources, sources), elapsed_ms = COALESCE(excluded.elapsed_ms, elapsed_ms),
        status = excluded.status, incomplete = excluded.incomplete, reading = excluded.reading,
        simulated = CASE excluded.base_url WHEN '' THEN simulated ELSE excluded.simulated END,
        base_url = CASE excluded.base_url WHEN '' THEN base_url ELSE excluded.base_url END,
        final = MAX(final, excluded.final),
        told = told | excluded.told,
        corrections = corrections + (status NOT IN ('queued', 'sending')),
        usd_pico = CASE typeof(usd_pico + excluded.usd_pico) WHEN 'integer' THEN usd_pico + excluded.usd_pico WHEN 'null' THEN COALESCE(usd_pico, excluded.usd_pico) END, micro_credits = CASE typeof(micro_credits + excluded.micro_credits) WHEN 'integer' THEN micro_credits + excluded.micro_credits WHEN 'null' THEN COALESCE(micro_credits, excluded.micro_credits) END, model_pico = CASE typeof(model_pico + excluded.model_pico) WHEN 'integer' THEN model_pico + excluded.model_pico WHEN 'null' THEN COALESCE(model_pico, excluded.model_pico) END, tool_pico = CASE typeof(tool_pico + excluded.tool_pico) WHEN 'integer' THEN tool_pico + excluded.tool_pico WHEN 'null' THEN COALESCE(tool_pico, excluded.tool_pico) END, sandbox_pico = CASE typeof(sandbox_pico + excluded.sandbox_pico) WHEN 'integer' THEN sandbox_pico + excluded.sandbox_pico WHEN 'null' THEN COALESCE(sandbox_pico, excluded.sandbox_pico) END, internal_pico = CASE typeof(internal_pico + excluded.internal_pico) WHEN 'integer' THEN internal_pico + excluded.internal_pico WHEN 'null' THEN COALESCE(internal_pico, excluded.internal_pico) END, total_tokens = CASE typeof(total_tokens + excluded.total_tokens) WHEN 'integer' THEN total_tokens + excluded.total_tokens WHEN 'null' THEN COALESCE(total_tokens, excluded.total_tokens) END, input_tokens = CASE typeof(input_tokens + excluded.input_tokens) WHEN 'integer' THEN input_tokens + excluded.input_tokens WHEN 'null' THEN COALESCE(input_tokens, excluded.input_tokens) END, output_tokens = CASE typeof(output_tokens + excluded.output_tokens) WHEN 'integer' THEN output_tokens + excluded.output_tokens WHEN 'null' THEN COALESCE(output_tokens, excluded.output_tokens) END, reasoning_tokens = CASE typeof(reasoning_tokens + excluded.reasoning_tokens) WHEN 'integer' THEN reasoning_tokens + excluded.reasoning_tokens WHEN 'null' THEN COALESCE(reasoning_tokens, excluded.reasoning_tokens) END, cache_read_tokens = CASE typeof(cache_read_tokens + excluded.cache_read_tokens) WHEN 'integer' THEN cache_read_tokens + excluded.cache_read_tokens WHEN 'null' THEN COALESCE(cache_read_tokens, excluded.cache_read_tokens) END, cache_write_tokens = CASE typeof(cache_write_tokens + excluded.cache_write_tokens) WHEN 'integer' THEN cache_write_tokens + excluded.cache_write_tokens WHEN 'null' THEN COALESCE(cache_write_tokens, excluded.cache_write_tokens) END, steps = CASE typeof(steps + excluded.steps) WHEN 'integer' THEN steps + excluded.steps WHEN 'null' THEN COALESCE(steps, excluded.steps) END, duration_ms = CASE typeof(duration_ms + excluded.duration_ms) WHEN 'integer' THEN duration_ms + excluded.duration_ms WHEN 'null' THEN COALESCE(duration_ms, excluded.duration_ms) END
; END;
COMMIT;
PRAGMA user_version = 4;
