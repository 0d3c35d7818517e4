using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;

namespace KvmSevVmm.KvmNative.Tests.Abi;

/// <summary>Lists every struct, field, constant and request number of KvmNative.Abi and KvmNative.Errors as checks.</summary>
internal static partial class AbiInventory
{
    private const BindingFlags Statics = BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly;
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The checks, and what could not be turned into one (which is a fault).</summary>
    public static (List<AbiCheck> Checks, List<string> Faults) Collect()
    {
        List<AbiCheck> checks = [];
        List<string> faults = [];
        foreach (Type type in OurTypes())
        {
            if (type.IsEnum || (type.IsAbstract && type.IsSealed))
            {
                AddConstants(type, checks, faults);
            }
            else if (type.IsValueType && type.GetCustomAttribute<InlineArrayAttribute>() is null)
            {
                AddStruct(type, checks, faults);
            }
        }

        return (checks, faults);
    }

    /// <summary>The C name of a field or member: <c>GuestPhysAddr</c> gives <c>guest_phys_addr</c>.</summary>
    public static string SnakeCase(string name) => WordStart().Replace(name, "_").ToLowerInvariant();

    private static IEnumerable<Type> OurTypes()
    {
        string abi = typeof(CNameAttribute).Namespace!;
        IEnumerable<Type> types = typeof(CNameAttribute).Assembly.GetTypes()
            .Where(type => type.Namespace == abi && type.GetCustomAttribute<CompilerGeneratedAttribute>() is null);
        return types.Append(typeof(Errno)).Append(typeof(SevFirmwareStatus));
    }

    private static void AddStruct(Type type, List<AbiCheck> checks, List<string> faults)
    {
        if (type.GetCustomAttribute<CNameAttribute>() is not CNameAttribute name)
        {
            faults.Add($"{type.Name} has no CName");
            return;
        }

        string label = name.Member is null ? name.Name : $"{name.Name}.{name.Member}";
        string sizeExpression = name.Member is null ? $"sizeof({name.Name})" : $"sizeof((({name.Name} *)0)->{name.Member})";
        checks.Add(new AbiCheck($"sizeof {label}", sizeExpression, SizeOf(type), type.Name));

        foreach (FieldInfo field in type.GetFields(Fields))
        {
            string origin = $"{type.Name}.{field.Name}";
            if (field.GetCustomAttribute<FieldOffsetAttribute>()?.Value is not int offset)
            {
                faults.Add($"{origin} has no FieldOffset");
            }
            else if (field.GetCustomAttribute<CBitFieldsAttribute>() is CBitFieldsAttribute bits)
            {
                checks.Add(new AbiCheck($"byte of {label}.{bits.Name}", ByteOfBitField(name.Name, bits.Name), (ulong)offset, origin));
            }
            else
            {
                string member = field.GetCustomAttribute<CNameAttribute>()?.Name ?? SnakeCase(field.Name);
                string path = name.Member is null ? member : $"{name.Member}.{member}";
                string start = name.Member is null ? "" : $" - offsetof({name.Name}, {name.Member})";
                checks.Add(new AbiCheck($"offset {label}.{member}", $"offsetof({name.Name}, {path}){start}", (ulong)offset, origin));
                checks.Add(new AbiCheck(
                    $"size {label}.{member}", $"sizeof((({name.Name} *)0)->{path})", SizeOf(field.FieldType), origin));
            }
        }

        AddNamedConstants(type, checks, faults);
    }

    // The constants that a struct carries for its own flags name their C constants one by one.
    private static void AddNamedConstants(Type type, List<AbiCheck> checks, List<string> faults)
    {
        foreach (FieldInfo field in type.GetFields(Statics))
        {
            string origin = $"{type.Name}.{field.Name}";
            if (field.GetCustomAttribute<CNameAttribute>() is CNameAttribute name)
            {
                checks.Add(Constant(name.Name, ToBits(field.GetRawConstantValue()!), origin));
            }
            else
            {
                faults.Add($"{origin} has no CName");
            }
        }
    }

    private static void AddConstants(Type type, List<AbiCheck> checks, List<string> faults)
    {
        CConstantsAttribute? constants = type.GetCustomAttribute<CConstantsAttribute>();
        CBitFieldsAttribute? bits = type.GetCustomAttribute<CBitFieldsAttribute>();
        if (constants is null && bits is null)
        {
            faults.Add($"{type.Name} has neither CConstants nor CBitFields");
            return;
        }

        foreach ((string member, ulong value, CNameAttribute? name) in Members(type))
        {
            string origin = $"{type.Name}.{member}";
            if (member == "None")
            {
                if (value != 0)
                {
                    faults.Add($"{origin} is {value} and not 0");
                }
            }
            else if (bits is not null)
            {
                string field = name?.Name ?? SnakeCase(member);
                int size = (int)SizeOf(Enum.GetUnderlyingType(type));
                checks.Add(new AbiCheck($"bits of {bits.Name}.{field}", BitsOfBitField(bits, field, size), value, origin));
            }
            else
            {
                string mechanical = constants!.Prefix + SnakeCase(member).ToUpperInvariant() + constants.Suffix;
                checks.Add(Constant(name?.Name ?? mechanical, value, origin));
            }
        }
    }

    private static IEnumerable<(string Member, ulong Value, CNameAttribute? Name)> Members(Type type)
    {
        foreach (FieldInfo field in type.GetFields(Statics).Where(field => field.IsLiteral))
        {
            yield return (field.Name, ToBits(field.GetRawConstantValue()!), field.GetCustomAttribute<CNameAttribute>());
        }

        foreach (PropertyInfo property in type.GetProperties(Statics))
        {
            yield return (property.Name, ToBits(property.GetValue(null)!), property.GetCustomAttribute<CNameAttribute>());
        }
    }

    private static AbiCheck Constant(string name, ulong value, string origin) => new(name, $"(long long)({name})", value, origin);

    private static ulong ToBits(object value) => value is ulong bits
        ? bits
        : unchecked((ulong)Convert.ToInt64(value, CultureInfo.InvariantCulture));

    // A bit field has no offset in C: set its lowest bit and look where it lands.
    private static string ByteOfBitField(string type, string field)
        => $"({{ {type} s; memset(&s, 0, sizeof s); s.{field} = 1; unsigned long i = 0; while (!((unsigned char *)&s)[i]) i++; i; }})";

    private static string BitsOfBitField(CBitFieldsAttribute bits, string field, int size)
        => $"({{ {bits.Name} s; unsigned long long v = 0; memset(&s, 0, sizeof s); s.{field} = -1; "
            + $"memcpy(&v, (char *)&s + {bits.Offset}, {size}); v; }})";

    private static ulong SizeOf(Type type)
    {
        MethodInfo sizeOf = typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type);
        return (ulong)(int)sizeOf.Invoke(null, null)!;
    }

    [GeneratedRegex("(?<=[a-z0-9])(?=[A-Z])")]
    private static partial Regex WordStart();
}
