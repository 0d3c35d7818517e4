namespace KvmSevVmm.Vmm.Control;

/// <summary>A command was refused; the client is told, and may go on.</summary>
public sealed class QmpException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="description">What is wrong, one line.</param>
    /// <param name="errorClass">The class that QMP has for it.</param>
    public QmpException(string description, QmpErrorClass errorClass = QmpErrorClass.GenericError)
        : base(description)
    {
        ErrorClass = errorClass;
    }

    /// <summary>The class that QMP has for it.</summary>
    public QmpErrorClass ErrorClass { get; }
}
