namespace KvmSevVmm.Vmm.Devices;

/// <summary>One of the two 16-byte FIFOs of a 16550, with the line status of each byte. Not thread-safe.</summary>
internal sealed class SerialFifo
{
    /// <summary>Bytes it holds.</summary>
    public const int Size = 16;

    private readonly byte[] _data = new byte[Size];
    private readonly byte[] _errors = new byte[Size];
    private int _head;

    /// <summary>Number of bytes in it.</summary>
    public int Count { get; private set; }

    /// <summary>LSR error bits of the oldest byte; 0 if there is none.</summary>
    public byte TopErrors => Count == 0 ? (byte)0 : _errors[_head];

    /// <summary>The oldest byte; 0 if there is none.</summary>
    public byte Top => Count == 0 ? (byte)0 : _data[_head];

    /// <summary>Whether any byte in it carries an error.</summary>
    public bool HasErrors
    {
        get
        {
            for (int i = 0; i < Count; i++)
            {
                if (_errors[(_head + i) % Size] != 0)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Appends a byte; the caller has checked <see cref="Count"/>.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="errors">Its LSR error bits.</param>
    public void Push(byte value, byte errors = 0)
    {
        int tail = (_head + Count) % Size;
        _data[tail] = value;
        _errors[tail] = errors;
        Count++;
    }

    /// <summary>Takes the oldest byte; 0 if there is none.</summary>
    public byte Pop()
    {
        if (Count == 0)
        {
            return 0;
        }

        byte value = _data[_head];
        _head = (_head + 1) % Size;
        Count--;
        return value;
    }

    /// <summary>Forgets the errors of the oldest byte: they have been reported.</summary>
    public void AcknowledgeTopErrors() => _errors[_head] = 0;

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        _head = 0;
        Count = 0;
    }
}
