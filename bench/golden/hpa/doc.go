package hpa
