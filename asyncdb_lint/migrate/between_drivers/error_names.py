"""Errors of PostgreSQL that are a class of their own in asyncpg and in psycopg, by asyncpg's name.

Classes that have subclasses in asyncpg are not among them: psycopg groups its errors as PEP 249 does.
`tests/proofs/test_migrate_driver.py` compares them with the installed drivers.
"""

from __future__ import annotations

# Called so in psycopg, without `Error` at the end.
REGULAR = """
    AdminShutdown AmbiguousAlias AmbiguousColumn AmbiguousFunction AmbiguousParameter BadCopyFileFormat
    BranchTransactionAlreadyActive CannotCoerce CannotConnectNow CantChangeRuntimeParam CardinalityViolation
    CaseNotFound CharacterNotInRepertoire CheckViolation CollationMismatch ConfigurationLimitExceeded
    ConnectionDoesNotExist ConnectionFailure CrashShutdown DataCorrupted DatabaseDropped DatatypeMismatch
    DatetimeFieldOverflow DeadlockDetected DependentObjectsStillExist DiskFull DivisionByZero DuplicateAlias
    DuplicateColumn DuplicateCursor DuplicateDatabase DuplicateFile DuplicateFunction
    DuplicateJsonObjectKeyValue DuplicateObject DuplicatePreparedStatement DuplicateSchema DuplicateTable
    ErrorInAssignment EscapeCharacterConflict EventTriggerProtocolViolated ExclusionViolation FileNameTooLong
    ForeignKeyViolation FunctionExecutedNoReturnStatement GeneratedAlways HeldCursorRequiresSameIsolationLevel
    IdleInTransactionSessionTimeout IdleSessionTimeout InappropriateAccessModeForBranchTransaction
    InappropriateIsolationLevelForBranchTransaction IndeterminateCollation IndeterminateDatatype IndexCorrupted
    IndicatorOverflow InsufficientPrivilege IntervalFieldOverflow InvalidArgumentForLogarithm
    InvalidArgumentForNthValueFunction InvalidArgumentForNtileFunction InvalidArgumentForPowerFunction
    InvalidArgumentForWidthBucketFunction InvalidArgumentForXquery InvalidBinaryRepresentation
    InvalidCatalogName InvalidCharacterValueForCast InvalidColumnDefinition InvalidColumnReference
    InvalidCursorDefinition InvalidCursorName InvalidCursorState InvalidDatabaseDefinition InvalidDatetimeFormat
    InvalidEscapeCharacter InvalidEscapeOctet InvalidEscapeSequence InvalidForeignKey InvalidFunctionDefinition
    InvalidGrantOperation InvalidIndicatorParameterValue InvalidJsonText InvalidLocatorSpecification InvalidName
    InvalidObjectDefinition InvalidParameterValue InvalidPassword InvalidPrecedingOrFollowingSize
    InvalidPreparedStatementDefinition InvalidRecursion InvalidRegularExpression InvalidRoleSpecification
    InvalidRowCountInLimitClause InvalidRowCountInResultOffsetClause InvalidSavepointSpecification
    InvalidSchemaDefinition InvalidSchemaName InvalidSqlstateReturned InvalidTableDefinition
    InvalidTablesampleArgument InvalidTablesampleRepeat InvalidTextRepresentation
    InvalidTimeZoneDisplacementValue InvalidTransactionInitiation InvalidTransactionTermination
    InvalidUseOfEscapeCharacter InvalidXmlComment InvalidXmlContent InvalidXmlDocument
    InvalidXmlProcessingInstruction LockFileExists LockNotAvailable MostSpecificTypeMismatch NameTooLong
    NoDataFound NonUniqueKeysInAJsonObject NonstandardUseOfEscapeCharacter NotAnXmlDocument NotNullViolation
    NullValueNoIndicatorParameter NullValueNotAllowed NumericValueOutOfRange ObjectInUse OutOfMemory
    ProtocolViolation QueryCanceled ReservedName RestrictViolation SchemaAndDataStatementMixingNotSupported
    SequenceGeneratorLimitExceeded SnapshotTooOld SrfProtocolViolated
    StackedDiagnosticsAccessedWithoutActiveHandler StatementCompletionUnknown StatementTooComplex
    StringDataLengthMismatch StringDataRightTruncation TooManyArguments TooManyColumns TooManyConnections
    TooManyJsonArrayElements TooManyJsonObjectMembers TooManyRows TransactionIntegrityConstraintViolation
    TransactionResolutionUnknown TransactionTimeout TriggerProtocolViolated TriggeredDataChangeViolation
    UndefinedColumn UndefinedFile UndefinedFunction UndefinedObject UndefinedParameter UndefinedTable
    UniqueViolation UnsafeNewEnumValueUsage UnterminatedCString UntranslatableCharacter WithCheckOptionViolation
    WrongObjectType ZeroLengthCharacterString
"""
# psycopg's own word for it.
IRREGULAR = """
    ActiveSQLTransactionError=ActiveSqlTransaction ArraySubscriptError=ArraySubscriptError
    AssertError=AssertFailure ClientCannotConnectError=SqlclientUnableToEstablishSqlconnection
    ConnectionRejectionError=SqlserverRejectedEstablishmentOfSqlconnection
    ContainingSQLNotPermittedError=ContainingSqlNotPermitted FDWColumnNameNotFoundError=FdwColumnNameNotFound
    FDWDynamicParameterValueNeededError=FdwDynamicParameterValueNeeded
    FDWFunctionSequenceError=FdwFunctionSequenceError
    FDWInconsistentDescriptorInformationError=FdwInconsistentDescriptorInformation
    FDWInvalidAttributeValueError=FdwInvalidAttributeValue FDWInvalidColumnNameError=FdwInvalidColumnName
    FDWInvalidColumnNumberError=FdwInvalidColumnNumber
    FDWInvalidDataTypeDescriptorsError=FdwInvalidDataTypeDescriptors FDWInvalidDataTypeError=FdwInvalidDataType
    FDWInvalidDescriptorFieldIdentifierError=FdwInvalidDescriptorFieldIdentifier
    FDWInvalidHandleError=FdwInvalidHandle FDWInvalidOptionIndexError=FdwInvalidOptionIndex
    FDWInvalidOptionNameError=FdwInvalidOptionName FDWInvalidStringFormatError=FdwInvalidStringFormat
    FDWInvalidStringLengthOrBufferLengthError=FdwInvalidStringLengthOrBufferLength
    FDWInvalidUseOfNullPointerError=FdwInvalidUseOfNullPointer FDWNoSchemasError=FdwNoSchemas
    FDWOptionNameNotFoundError=FdwOptionNameNotFound FDWOutOfMemoryError=FdwOutOfMemory
    FDWReplyHandleError=FdwReplyHandle FDWSchemaNotFoundError=FdwSchemaNotFound
    FDWTableNotFoundError=FdwTableNotFound FDWTooManyHandlesError=FdwTooManyHandles
    FDWUnableToCreateExecutionError=FdwUnableToCreateExecution
    FDWUnableToCreateReplyError=FdwUnableToCreateReply
    FDWUnableToEstablishConnectionError=FdwUnableToEstablishConnection GroupingError=GroupingError
    InFailedSQLTransactionError=InFailedSqlTransaction
    InvalidArgumentForSQLJsonDatetimeFunctionError=InvalidArgumentForSqlJsonDatetimeFunction
    InvalidSQLJsonSubscriptError=InvalidSqlJsonSubscript InvalidSQLStatementNameError=InvalidSqlStatementName
    ModifyingExternalRoutineSQLDataNotPermittedError=ModifyingSqlDataNotPermittedExt
    ModifyingSQLDataNotPermittedError=ModifyingSqlDataNotPermitted
    MoreThanOneSQLJsonItemError=MoreThanOneSqlJsonItem NoActiveSQLTransactionError=NoActiveSqlTransaction
    NoActiveSQLTransactionForBranchTransactionError=NoActiveSqlTransactionForBranchTransaction
    NoAdditionalDynamicResultSetsReturned=NoAdditionalDynamicResultSetsReturned NoSQLJsonItemError=NoSqlJsonItem
    NonNumericSQLJsonItemError=NonNumericSqlJsonItem
    NullValueInExternalRoutineNotAllowedError=NullValueNotAllowedExt
    PostgresFloatingPointError=FloatingPointException PostgresIOError=IoError PostgresSyntaxError=SyntaxError
    ProhibitedExternalRoutineSQLStatementAttemptedError=ProhibitedSqlStatementAttemptedExt
    ProhibitedSQLStatementAttemptedError=ProhibitedSqlStatementAttempted RaiseError=RaiseException
    ReadOnlySQLTransactionError=ReadOnlySqlTransaction
    ReadingExternalRoutineSQLDataNotPermittedError=ReadingSqlDataNotPermittedExt
    ReadingSQLDataNotPermittedError=ReadingSqlDataNotPermitted SQLJsonArrayNotFoundError=SqlJsonArrayNotFound
    SQLJsonItemCannotBeCastToTargetTypeError=SqlJsonItemCannotBeCastToTargetType
    SQLJsonMemberNotFoundError=SqlJsonMemberNotFound SQLJsonNumberNotFoundError=SqlJsonNumberNotFound
    SQLJsonObjectNotFoundError=SqlJsonObjectNotFound SQLJsonScalarRequiredError=SqlJsonScalarRequired
    SQLStatementNotYetCompleteError=SqlStatementNotYetComplete SerializationError=SerializationFailure
    SingletonSQLJsonItemRequiredError=SingletonSqlJsonItemRequired SubstringError=SubstringError
    TriggeredActionError=TriggeredActionException TrimError=TrimError WindowingError=WindowingError
"""
PSYCOPG = {
    **{f"{name}Error": name for name in REGULAR.split()},
    **dict(pair.split("=") for pair in IRREGULAR.split()),
}
ASYNCPG = {theirs: ours for ours, theirs in PSYCOPG.items()}
"""By psycopg's name."""
GROUP = ("IntegrityConstraintViolationError", "IntegrityError")
"""The one group of errors that both know."""
