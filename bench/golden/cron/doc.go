package cron
