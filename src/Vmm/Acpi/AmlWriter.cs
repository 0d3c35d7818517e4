using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>Writes ACPI machine language, as far as this machine's description needs it.</summary>
/// <remarks>Source: ACPI 6.4, chapter 20, "ACPI Machine Language (AML) Specification".</remarks>
internal sealed class AmlWriter
{
    private const int NameLength = 4;
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte NameOp = 0x08;
    private const byte BytePrefix = 0x0A;
    private const byte WordPrefix = 0x0B;
    private const byte DWordPrefix = 0x0C;
    private const byte QWordPrefix = 0x0E;
    private const byte StringPrefix = 0x0D;
    private const byte ScopeOp = 0x10;
    private const byte BufferOp = 0x11;
    private const byte PackageOp = 0x12;
    private const byte MethodOp = 0x14;
    private const byte ExtendedPrefix = 0x5B;
    private const byte DeviceOp = 0x82;
    private const byte NotifyOp = 0x86;
    private const byte RootChar = (byte)'\\';
    private const int MaxSmallPackage = 0x3F;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>What has been written.</summary>
    internal ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    /// <summary>Opens an existing scope.</summary>
    /// <param name="name">A name directly below the root: <c>_SB_</c>.</param>
    /// <param name="body">Writes what is in it.</param>
    internal void Scope(string name, Action<AmlWriter> body) => Package([ScopeOp], inner =>
    {
        inner.Raw([RootChar]);
        inner.NameString(name);
        body(inner);
    });

    /// <summary>Declares a device.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="body">Writes its objects.</param>
    internal void Device(string name, Action<AmlWriter> body) => Package([ExtendedPrefix, DeviceOp], inner =>
    {
        inner.NameString(name);
        body(inner);
    });

    /// <summary>Declares a method that is not serialized.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="argumentCount">Its arguments, 0 to 7.</param>
    /// <param name="body">Writes its terms.</param>
    internal void Method(string name, int argumentCount, Action<AmlWriter> body) => Package([MethodOp], inner =>
    {
        inner.NameString(name);
        inner.Raw([(byte)argumentCount]);
        body(inner);
    });

    /// <summary>Declares a named object; its value must follow.</summary>
    /// <param name="name">Its name.</param>
    internal void Name(string name)
    {
        Raw([NameOp]);
        NameString(name);
    }

    /// <summary>Writes an integer in its shortest form.</summary>
    /// <param name="value">The integer.</param>
    internal void Integer(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        switch (value)
        {
            case 0:
                Raw([ZeroOp]);
                break;
            case 1:
                Raw([OneOp]);
                break;
            case <= byte.MaxValue:
                Raw([BytePrefix, (byte)value]);
                break;
            case <= ushort.MaxValue:
                Raw([WordPrefix]);
                Raw(bytes[..sizeof(ushort)]);
                break;
            case <= uint.MaxValue:
                Raw([DWordPrefix]);
                Raw(bytes[..sizeof(uint)]);
                break;
            default:
                Raw([QWordPrefix]);
                Raw(bytes);
                break;
        }
    }

    /// <summary>Writes a string.</summary>
    /// <param name="text">ASCII without NUL.</param>
    internal void Text(string text)
    {
        Raw([StringPrefix]);
        Raw(Encoding.ASCII.GetBytes(text));
        Raw([0]);
    }

    /// <summary>Writes a hardware id: an EISA id as a number if it has the form of one, otherwise as text.</summary>
    /// <param name="id">The id.</param>
    internal void HardwareId(string id)
    {
        if (EisaId.TryPack(id, out uint packed))
        {
            Integer(packed);
        }
        else
        {
            Text(id);
        }
    }

    /// <summary>Writes a package of integers.</summary>
    /// <param name="values">Its elements, at most 255.</param>
    internal void IntegerPackage(params ulong[] values) => Package([PackageOp], inner =>
    {
        inner.Raw([checked((byte)values.Length)]);
        foreach (ulong value in values)
        {
            inner.Integer(value);
        }
    });

    /// <summary>Writes a buffer.</summary>
    /// <param name="content">Its bytes.</param>
    internal void Buffer(byte[] content) => Package([BufferOp], inner =>
    {
        inner.Integer((ulong)content.Length);
        inner.Raw(content);
    });

    /// <summary>Sends a notification.</summary>
    /// <param name="device">The name of the device, in this scope or one around it.</param>
    /// <param name="value">The notification.</param>
    internal void Notify(string device, ulong value)
    {
        Raw([NotifyOp]);
        NameString(device);
        Integer(value);
    }

    private void Raw(ReadOnlySpan<byte> bytes) => _bytes.Write(bytes);

    private void NameString(string name)
    {
        if (!IsName(name))
        {
            throw new ArgumentException(
                $"'{name}' is not a name of the ACPI namespace: four of A-Z, 0-9 and _, no digit first.", nameof(name));
        }

        Raw(Encoding.ASCII.GetBytes(name));
    }

    private static bool IsName(string name) => name.Length == NameLength && !char.IsAsciiDigit(name[0])
        && name.All(static letter => char.IsAsciiLetterUpper(letter) || char.IsAsciiDigit(letter) || letter == '_');

    /// <summary>Writes an operator whose length counts itself and all that is in it.</summary>
    private void Package(ReadOnlySpan<byte> operatorBytes, Action<AmlWriter> body)
    {
        AmlWriter inner = new();
        body(inner);
        ReadOnlySpan<byte> content = inner.Written;
        Raw(operatorBytes);
        if (content.Length + 1 <= MaxSmallPackage)
        {
            Raw([(byte)(content.Length + 1)]);
        }
        else
        {
            // Bits 7:6 of the first byte count the bytes that follow; its bits 3:0 are the lowest of the length.
            int followers = content.Length + 2 < 1 << 12 ? 1 : content.Length + 3 < 1 << 20 ? 2 : 3;
            int length = content.Length + 1 + followers;
            Raw([(byte)((followers << 6) | (length & 0xF))]);
            for (int i = 0; i < followers; i++)
            {
                Raw([(byte)(length >> (4 + (8 * i)))]);
            }
        }

        Raw(content);
    }
}
